// Serves the Bot API by telegram-test-api: node serve.cjs PORT
// Prints "ready"; for each line on stdin the bot's messages as JSON; ends when stdin ends.
const TelegramServer = require('telegram-test-api')

const server = new TelegramServer({ host: '127.0.0.1', port: Number(process.argv[2]), storeTimeout: 3600 })
server.start().then(() => console.log('ready'))
require('node:readline').createInterface(process.stdin)
  .on('line', () => console.log(JSON.stringify(server.storage.botMessages.map(sent => sent.message))))
  .on('close', () => process.exit(0))
