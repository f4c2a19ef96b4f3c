/** What runs in the pods of these tests: an HTTP server that says which pod answers, until a visit to /break makes it ill. */
import { createServer } from 'node:http'
import { hostname } from 'node:os'

let healthy = true
const server = createServer((request, response) => {
  if (request.url === '/break') healthy = false
  response.statusCode = request.url === '/health' && !healthy ? 500 : 200
  response.setHeader('connection', 'close').end(hostname())
})
server.listen(8080, () => console.log(`listening as user ${process.getuid?.()}`))
process.once('SIGTERM', () => process.exit())
