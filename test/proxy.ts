import { createConnection, createServer, type Socket } from 'node:net'

export interface Proxy {
  readonly port: number
  /** Cut the connection that brings an answer with these bytes, before it is handed on, and let no other through. */
  readonly cutAt: (bytes: string) => Promise<void>
  /** Let connections through again. */
  readonly mend: () => void
  /** Cut open connections at the ends that are chosen; how many those were. */
  readonly sever: (chosen: () => boolean) => number
  readonly stop: () => Promise<void>
}

/**
 * Stands between a client and a server on loopback.
 *
 * @param to the server's port, when somebody connects; none while there is no server
 * @param hold what is to be waited for before these bytes are handed on to the server, if anything
 */
export const startProxy = async (
  to: () => number | undefined,
  hold: (bytes: Buffer) => Promise<unknown> | undefined = () => undefined,
): Promise<Proxy> => {
  const sockets = new Set<Socket>()
  let cut: { readonly bytes: string; readonly done: () => void } | undefined
  let broken = false
  const server = createServer((near) => {
    const port = to()
    if (broken || port === undefined) return void near.destroy()
    const far = createConnection(port, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
    near.on('data', (data) => {
      const held = hold(data)
      if (held === undefined) return void far.write(data)
      near.pause()
      void held.then(() => {
        far.write(data)
        near.resume()
      })
    })
    far.on('data', (data) => {
      if (cut === undefined || !data.includes(cut.bytes)) return void near.write(data)
      broken = true
      near.destroy()
      cut.done()
      cut = undefined
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    cutAt: (bytes) =>
      new Promise((done) => {
        cut = { bytes, done }
      }),
    mend: () => {
      broken = false
    },
    sever: (chosen) => {
      // Either end takes the other with it.
      const cut = [...sockets].filter(chosen)
      for (const socket of cut) socket.destroy()
      return cut.length
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
