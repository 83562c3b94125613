// Serves one file with mega-mock on a free loopback port: node mock.cjs FILE NAME DATA_FOLDER
// The file is encrypted by megajs. Prints {"url", "link"} and serves until stdin ends.
const { createCipheriv } = require('node:crypto')
const { createReadStream, createWriteStream, statSync } = require('node:fs')
const { join } = require('node:path')
const { pipeline } = require('node:stream/promises')
const megaMock = require('mega-mock')
const { encrypt } = require('megajs')

const [file, name, dataFolder] = process.argv.slice(2)
const base64 = bytes => bytes.toString('base64url')

function attributes (key) {
  const aes = Buffer.from(key.subarray(0, 16).map((byte, i) => byte ^ key[i + 16]))
  const text = Buffer.from('MEGA' + JSON.stringify({ n: name }))
  const padded = Buffer.concat([text, Buffer.alloc((16 - text.length % 16) % 16)])
  const cipher = createCipheriv('aes-128-cbc', aes, Buffer.alloc(16)).setAutoPadding(false)
  return base64(Buffer.concat([cipher.update(padded), cipher.final()]))
}

async function main () {
  const stream = encrypt()
  await pipeline(createReadStream(file), stream, createWriteStream(join(dataFolder, 'file_AAAAAAAA')))
  const node = { h: 'AAAAAAAA', t: 0, a: attributes(stream.key), s: statSync(file).size }
  const server = megaMock({ dataFolder })
  server.state.users.set('someone', { files: [node], shares: [] })
  server.state.shares.set('BBBBBBBB', { handler: node.h, uh: 'someone' })
  server.listen(0, '127.0.0.1', () => {
    const url = 'http://127.0.0.1:' + server.address().port
    const link = 'https://mega.nz/file/BBBBBBBB#' + base64(stream.key)
    console.log(JSON.stringify({ url, link }))
  })
  process.stdin.resume().on('end', () => process.exit(0))
}

main()
