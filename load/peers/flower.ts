import { exchange, ServerProcess } from '../../test/process.ts'
import { freePort } from '../../test/redis.ts'
import type { Contender } from '../bench/rounds.ts'
import { agreed, gradient, joined, mustAgree, scales } from './agree.ts'
import { Child, listens, python } from './child.ts'
import { bytesOf, floatsOf } from './peer.ts'

interface Report {
  /** Of a round, in the mean. */
  readonly ms: number
  readonly params: Float32Array
}

/** A server of Flower's and a client, each a process. */
class Flower {
  readonly #server: Child
  readonly #client: Child
  readonly #lines: AsyncIterator<string>

  private constructor(server: Child, client: Child) {
    this.#server = server
    this.#client = client
    this.#lines = client.lines
  }

  static async start(n: number): Promise<Flower> {
    const { python: interpreter, cwd } = python('flower')
    const port = await freePort()
    const [server, client] = ['server.py', 'client.py'].map(
      (program) => () => new Child([interpreter, program, String(port), String(n)], { cwd }),
    ) as [() => Child, () => Child]
    const serving = server()
    await serving.shows(() => listens(port))
    const flower = new Flower(serving, client())
    await flower.#report()
    return flower
  }

  /** Take rounds with the gradient times `scale`. */
  async take(rounds: number, scale = 1): Promise<Report> {
    this.#client.tell(`${rounds} ${scale}`)
    return this.#report()
  }

  async stop(): Promise<void> {
    await this.#client.stop()
    await this.#server.stop()
  }

  async #report(): Promise<Report> {
    const { value, done } = await this.#lines.next()
    if (done) throw this.#client.giveUp()
    const { ms, dtype, params } = JSON.parse(value) as Record<'ms' | 'dtype' | 'params', unknown>
    if (dtype !== 'float32') throw new Error(`Flower's parameters are ${dtype}, expected float32`)
    return { ms: Number(ms), params: floatsOf(Buffer.from(String(params), 'base64')) }
  }
}

/** Rounds for about `time` milliseconds. */
export async function flowerContender(n: number, time: number): Promise<Contender> {
  const flower = await Flower.start(n)
  let rounds = 1
  return {
    name: 'Flower',
    async run() {
      const { ms } = await flower.take(rounds)
      rounds = Math.max(1, Math.round(time / ms))
      return { ms }
    },
    close: () => flower.stop(),
  }
}

/** How far its updates are from those of `adam`, with the learning rate that Flower takes in a round. */
export async function flowerAgrees(): Promise<number> {
  const flower = await Flower.start(agreed)
  try {
    let before = new Float32Array(agreed)
    const found: Float32Array[] = []
    for (const scale of scales) {
      const { params } = await flower.take(1, scale)
      found.push(params.map((x, i) => x - (before[i] ?? 0)))
      before = Float32Array.from(params)
    }
    return mustAgree('Flower', joined(found), await adamsUpdates())
  } finally {
    await flower.stop()
  }
}

const [b1, b2] = [0.9, 0.999]

async function adamsUpdates(): Promise<Float32Array> {
  const server = await ServerProcess.start({ STEPD_STORE: 'memory:' })
  try {
    const url = `${server.url}/v1/sessions/flower`
    await exchange(url, 'PUT', { chain: 'adam(1e-3, eps=1e-12)', tensors: [{ name: 'w', shape: [agreed] }] })
    const all: Float32Array[] = []
    for (const [i, scale] of scales.entries()) {
      // FedAdam corrects the bias as of the step after this one, for both moments.
      const correction = (t: number) => Math.sqrt(1 - b2 ** t) / (1 - b1 ** t)
      const learning_rate = (1e-3 * correction(i + 2)) / correction(i + 1)
      const grads = bytesOf(gradient(agreed).map((x) => x * scale))
      const { body } = await exchange(`${url}/steps`, 'POST', { grads, hyperparams: { learning_rate } })
      all.push(floatsOf(body.updates as Uint8Array))
    }
    return joined(all)
  } finally {
    await server.stop()
  }
}
