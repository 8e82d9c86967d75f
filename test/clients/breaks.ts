import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Where the connection of a request breaks: after some of the first bytes of it, or of its answer. */
export interface Break {
  readonly in: 'request' | 'answer'
  /** Of `length` bytes that came at first, how many are passed on. */
  readonly after: (length: number) => number
}

/** Called for every request with its first line, `POST /v1/… HTTP/1.1`. */
export type Breaks = (line: string) => Break | undefined

export interface BreakingProxy {
  readonly url: string
  readonly requests: () => number
  readonly broken: () => number
  readonly stop: () => Promise<void>
}

/** A TCP proxy on loopback that breaks the connections of the requests that it is told to. */
export async function startBreakingProxy(port: number, breaks: Breaks): Promise<BreakingProxy> {
  const open = new Set<Socket>()
  let requests = 0
  let broken = 0
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    // Clients do not pipeline: what they send after an answer is the next request.
    let answered = true
    let ask: Break | undefined
    const cut = (to: Socket, data: Buffer, { after }: Break): void => {
      broken += 1
      to.write(data.subarray(0, after(data.length)), () => {
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (data) => {
      if (answered) {
        requests += 1
        answered = false
        ask = breaks(data.toString('latin1').split('\r\n', 1)[0] ?? '')
      }
      if (ask?.in === 'request') cut(upstream, data, ask)
      else upstream.write(data)
    })
    upstream.on('data', (data) => {
      const first = !answered
      answered = true
      if (first && ask?.in === 'answer') cut(client, data, ask)
      else client.write(data)
    })
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    broken: () => broken,
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const half = (length: number): number => length >> 1

/** The answer to the first step of every session whose name ends in `cut` is lost, and nothing else. */
export function breakTheCut(): Breaks {
  const seen = new Set<string>()
  return (line) => {
    if (!/^POST \S*-cut\/steps /.test(line) || seen.has(line)) return undefined
    seen.add(line)
    return { in: 'answer', after: half }
  }
}

/** Besides, every request loses its connection with a chance of `share`, at a random place. */
export function breakAlso(share: number, seed: number): Breaks {
  const cut = breakTheCut()
  // Park and Miller's generator: the same places in every run.
  let state = seed
  const random = (): number => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  return (line) => {
    const asked = cut(line)
    if (asked !== undefined || random() >= share) return asked
    const where = random() < 0.5 ? 'request' : 'answer'
    const place = random()
    return { in: where, after: (length) => Math.floor(length * place) }
  }
}

/** Answers to steps are cut after no byte, after one, two and so on, with one between that is left alone. */
export function breakEverywhere(): Breaks {
  let steps = 0
  return (line) => {
    if (!/^POST \S*\/steps /.test(line) || steps++ % 2 === 1) return undefined
    const kept = (steps - 1) / 2
    return { in: 'answer', after: () => kept }
  }
}
