/**
 * Brings connections into the network where it runs: listens on a Unix socket, reads one line `HOST PORT` of each connection,
 * and joins it with a connection to there. It looks at nothing that passes.
 *   node bridge.ts SOCKET
 */
import { connect, createServer, type Socket } from 'node:net'

function serve(client: Socket): void {
  let line = Buffer.alloc(0)
  client.on('error', () => client.destroy())
  client.on('data', function read(chunk: Buffer) {
    line = Buffer.concat([line, chunk])
    const end = line.indexOf('\n')
    if (end === -1) return
    client.off('data', read).pause()
    const [host, port] = line.subarray(0, end).toString().split(' ')
    const server = connect({ host: host!, port: Number(port) }, () => {
      server.write(line.subarray(end + 1))
      server.pipe(client).pipe(server)
    })
    server.on('error', () => client.destroy())
    server.on('close', () => client.destroy())
    client.on('close', () => server.destroy())
  })
}

createServer(serve).listen(process.argv[2], () => console.log('listening'))
