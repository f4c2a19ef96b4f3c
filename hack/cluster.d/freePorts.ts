/** Prints as many free ports of 127.0.0.1 as its argument says, all different. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

const servers = Array.from({ length: Number(process.argv[2]) }, () => createServer().listen(0, '127.0.0.1'))
await Promise.all(servers.map(server => once(server, 'listening')))
console.log(servers.map(server => (server.address() as AddressInfo).port).join(' '))
for (const server of servers) server.close()
