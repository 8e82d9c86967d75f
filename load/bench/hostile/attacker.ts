import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setPriority } from 'node:os'
import { acts } from './acts.ts'

// A process of its own: `attacker.js ACT PORT KEY MS` does it, and `attacker.js idle` is a server at which it can be done
// that takes everything and thinks nothing. What it found, or where it listens, is told to whoever forked it.

// Who attacks has a machine of its own: here it is to take what is left of this one.
setPriority(19)
const [name = '', port, key = '', ms] = process.argv.slice(2)
const act = acts[name]
if (act === undefined) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end())
    if (Number(request.headers['content-length']) > 2 ** 31) response.writeHead(413).end()
  })
  server.requestTimeout = 0
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
} else {
  const statuses: Record<number, number> = {}
  await act({ port: Number(port), key }, Number(ms), (status) => {
    statuses[status] = (statuses[status] ?? 0) + 1
  })
  const { user, system } = process.cpuUsage()
  process.send?.({ statuses, cpu: (user + system) / 1e6 }, () => process.exit())
}
