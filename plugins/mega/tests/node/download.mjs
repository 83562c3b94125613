// Downloads a link with megajs: node download.mjs API_URL LINK TARGET [CONNECTIONS]
// A folder link is written as a listing of its files, path and size, as JSON.
import { createWriteStream, writeFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { API, File } from 'megajs'

const [url, link, target, connections] = process.argv.slice(2)
const api = new API(false, { gateway: url + '/' })
API.globalApi = api // what the files of a folder use

const file = await File.fromURL(link, { api }).loadAttributes()
if (file.directory) {
  const list = (node, path) => node.children
    ? node.children.flatMap(child => list(child, path + '/' + child.name))
    : [[path.slice(1), node.size]]
  writeFileSync(target, JSON.stringify(list(file, '')))
} else {
  const options = connections ? { maxConnections: Number(connections) } : {}
  const began = performance.now()
  await pipeline(file.download(options), createWriteStream(target))
  console.log(JSON.stringify({ name: file.name, size: file.size }))
  console.log((performance.now() - began) / 1000)
}
