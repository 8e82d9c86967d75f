import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy on loopback that cuts connections after as many bytes of answer as `cuts` says. */
export async function startCuttingProxy(
  port: number,
  cuts: (connection: number) => number,
): Promise<{ readonly url: string; readonly cut: () => number; readonly stop: () => Promise<void> }> {
  const open = new Set<Socket>()
  let connections = 0
  let done = 0
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    let left = cuts(connections++)
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    upstream.on('data', (data) => {
      if (data.length >= left) {
        client.write(data.subarray(0, left))
        done++
        client.destroy()
        return
      }
      left -= data.length
      client.write(data)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => done,
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
