import { connect, type Socket } from 'node:net'
import { Packr } from 'msgpackr'
import { startRedis } from '../../test/redis.ts'
import { values } from './plans.ts'
import { atMost, type Report } from './report.ts'
import { inRounds } from './rounds.ts'
import { Service } from './service.ts'
import type { Settings } from './settings.ts'

const chain = 'adam(1e-3)'
/** Bytes a millisecond that a client sends: a gigabit a second. */
const rate = 125_000
const packr = new Packr({ useRecords: false })

/**
 * How long a client waits once it has sent a large body, over a line that is slower than this machine. Gradients that come
 * last go to Redis while they come; where something follows them, it could be the number of another step.
 */
export async function uplink({ size, rounds }: Settings): Promise<Report> {
  const n = Math.round((size / 16) * 25 * (1e6 / 2 ** 20))
  const redis = await startRedis()
  const service = await Service.start(redis.url)
  try {
    const grads = new Uint8Array(values(n, Math.sin).buffer)
    const forms = { last: { dtype: 'F32', grads }, first: { grads, dtype: 'F32' } }
    const contenders = await Promise.all(
      Object.entries(forms).map(async ([name, form]) => {
        await service.open(name, chain, n)
        const client = new SlowClient(service.port, `/v1/sessions/${name}/steps`, packr.pack(form))
        return { name, run: async () => ({ ms: await client.step() }), close: () => client.close() }
      }),
    )
    const results = await inRounds(contenders, Math.max(9, rounds))
    const ratio = results.ratio('last', 'first')
    return {
      tables: [
        {
          title: `${n} parameters on Redis, sent at a gigabit a second: from the last byte to the first of the answer`,
          columns: ['gradients', 'median ms', 'ratio'],
          rows: [
            ['with something behind them', results.median('first'), ''],
            ['last', results.median('last'), ratio],
          ],
          notes: [`${chain}; a session each, in turns`],
        },
      ],
      goals: [atMost('redis: wait for a step whose gradients come last / something behind them', ratio, 0.5)],
    }
  } finally {
    await service.stop()
    await redis.stop()
  }
}

/** Sends a step again and again, no faster than its line. */
class SlowClient {
  readonly #socket: Socket
  readonly #head: string
  readonly #body: Buffer

  constructor(port: number, path: string, body: Buffer) {
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true)
    this.#head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/msgpack\r\nContent-Length: ${body.length}\r\n\r\n`
    this.#body = body
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Milliseconds from the last byte that is sent to the first of the answer, which is read to its end. */
  async step(): Promise<number> {
    const answered = this.#answer()
    this.#socket.write(this.#head)
    const since = performance.now()
    for (let at = 0; at < this.#body.length; ) {
      const due = Math.min(this.#body.length, Math.ceil((performance.now() - since) * rate))
      const sent = new Promise((resolve) => this.#socket.write(this.#body.subarray(at, due), resolve))
      at = due
      await Promise.all([sent, new Promise((resolve) => setTimeout(resolve, 2))])
    }
    const last = performance.now()
    return (await answered) - last
  }

  /** When the first byte comes; once the last one has. */
  #answer(): Promise<number> {
    return new Promise((resolve, reject) => {
      let [first, left] = [0, Number.POSITIVE_INFINITY]
      const take = (chunk: Buffer) => {
        if (first === 0) {
          first = performance.now()
          const head = chunk.toString('latin1', 0, chunk.indexOf('\r\n\r\n'))
          if (!head.startsWith('HTTP/1.1 200 ')) reject(new Error(`A step was answered with ${head}`))
          left = Number(/content-length: (\d+)/i.exec(head)?.[1]) + head.length + 4
        }
        left -= chunk.length
        if (left > 0) return
        this.#socket.off('data', take)
        resolve(first)
      }
      this.#socket.on('data', take)
    })
  }
}
