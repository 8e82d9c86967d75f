import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { f32, floats, TestApp } from './app.ts'
import { ServerProcess } from './process.ts'

type Prepare = () => Promise<{ store: string; stop: () => Promise<void> }>
type Reply = Awaited<ReturnType<ServerProcess['send']>>

/** Contributions of each of 8 workers to the count that must come out; `CONTRIBUTIONS=1000` is the long form. */
const contributions = Number(process.env.CONTRIBUTIONS ?? 50)

/** Two servers on one store, of which one after the other is killed and started again. */
class Pair {
  readonly #env: Record<string, string>
  readonly #servers: ServerProcess[]
  broken = 0
  killed = 0

  private constructor(env: Record<string, string>, servers: ServerProcess[]) {
    this.#env = env
    this.#servers = servers
  }

  static async start(env: Record<string, string>): Promise<Pair> {
    return new Pair(env, [await ServerProcess.start(env), await ServerProcess.start(env)])
  }

  at(i: number): ServerProcess {
    const server = this.#servers[i % 2]
    assert.ok(server)
    return server
  }

  async kill(i: number): Promise<void> {
    await this.at(i).stop('SIGKILL')
    this.killed++
    this.#servers[i % 2] = await ServerProcess.start(this.#env)
  }

  /** Send as a client does: again, now here, now there, until there is an answer that is not to be sent again. */
  async insist(i: number, id: string, body: object): Promise<Reply> {
    for (let attempt = 0; attempt < 400; attempt++) {
      const answer = await this.at(i + attempt)
        .send('POST', `/v1/sessions/${id}/steps`, body)
        .catch(() => undefined)
      if (answer !== undefined && answer.status !== 503) return answer
      this.broken++
      await sleep(25)
    }
    throw new Error(`No answer to ${JSON.stringify(Object.keys(body))} in 400 attempts`)
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) await server.stop('SIGKILL')
  }
}

const size = 30_000
const tensors = [{ name: 'w', shape: [300, 100] }]
const chain = 'chain(clip(1.0), adam(1e-3))'
const workers = ['a', 'b', 'c'] as const
const steps = 16

const gradient = (step: number, worker: string): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => Math.sin(step * 7919 + i + worker.charCodeAt(0)))

/** What one worker gets that sends the mean, of an undisturbed server. */
async function expectedUpdates(engine: 'reference'): Promise<Buffer[]> {
  const app = await TestApp.start({ engine })
  await app.send('PUT', '/v1/sessions/run', { chain, tensors })
  const updates: Buffer[] = []
  for (let step = 1; step <= steps; step++) {
    const own = workers.map((worker) => gradient(step, worker))
    const mean = f32(
      ...Array.from({ length: size }, (_, i) => own.reduce((sum, g) => sum + (g[i] ?? 0), 0) / 3),
    )
    const { body } = await app.send('POST', '/v1/sessions/run/steps', { step, grads: mean })
    updates.push(body.updates)
  }
  await app.close()
  return updates
}

/** Steps of several workers through servers that are killed with SIGKILL while they gather. */
export function testWorkers(name: string, prepare: Prepare): void {
  test(`${name}: servers are killed in the middle of steps of three workers`, async () => {
    const engine = 'reference'
    const expected = await expectedUpdates(engine)
    const { store, stop } = await prepare()
    const pair = await Pair.start({ STEPD_STORE: store, STEPD_ENGINE: engine, STEPD_LOG_LEVEL: 'info' })
    let replayed = 0
    try {
      const open = { chain, tensors, workers: 3 }
      await Promise.all([0, 1, 2].map((i) => pair.at(i).send('PUT', '/v1/sessions/run', open)))
      let ended = false
      const work = async (worker: string, i: number) => {
        for (let step = 1; step <= steps; step++) {
          // One comes late: when a server has been killed at which the others may wait.
          if (i === step % 3)
            for (let n = pair.killed, k = 0; n === pair.killed && k < 25; k++) await sleep(20)
          const grads = new Uint8Array(gradient(step, worker).buffer)
          const { status, body } = await pair.insist(i + step, 'run', { step, worker, grads })
          assert.equal(status, 200, JSON.stringify(body))
          assert.deepEqual([body.step, body.counted], [step, true])
          assert.ok(
            Buffer.compare(Buffer.from(body.updates as Buffer), expected[step - 1] ?? Buffer.of()) === 0,
          )
          if (body.replayed === true) replayed++
        }
      }
      const all = Promise.all(workers.map(work)).finally(() => {
        ended = true
      })
      const kills = (async () => {
        for (let i = 0; !ended; i++) {
          await sleep(90 + 17 * (i % 5))
          await pair.kill(i)
        }
      })()
      await Promise.all([all, kills])
      // Or nothing of this was tested.
      assert.ok(pair.broken > 0, 'no request was cut short')
      assert.ok(replayed > 0, `none of the ${pair.broken} requests cut short had been taken`)
      assert.equal((await pair.at(0).send('GET', '/v1/sessions/run')).body.step, steps)
    } finally {
      await pair.stop()
      await stop()
    }
  })

  test(`${name}: no contribution of 8 workers is lost or counted twice`, { timeout: 900_000 }, async () => {
    const { store, stop } = await prepare()
    const pair = await Pair.start({ STEPD_STORE: store, STEPD_LOG_LEVEL: 'info' })
    try {
      const open = { chain: 'sgd(1.0)', tensors: [{ name: 'w', shape: [2] }], params: f32(0, 0), workers: 0 }
      assert.equal((await pair.at(0).send('PUT', '/v1/sessions/sum', open)).status, 201)
      let done = 0
      const work = async (w: number) => {
        for (let seq = 1; seq <= contributions; seq++) {
          const request = { worker: `w${w}`, seq, grads: f32(-1, -2) }
          const { status, body } = await pair.insist(w + seq, 'sum', request)
          assert.equal(status, 200, JSON.stringify(body))
          assert.equal(body.counted, true)
          done++
        }
      }
      const all = Promise.all(Array.from({ length: 8 }, (_, w) => work(w)))
      const kills = (async () => {
        for (const part of [0.2, 0.5, 0.8]) {
          while (done < 8 * contributions * part) await sleep(1)
          await pair.kill(part === 0.5 ? 1 : 0)
        }
      })()
      await Promise.all([all, kills])
      assert.ok(pair.broken > 0, 'no request was cut short')
      for (const server of [0, 1]) {
        assert.equal((await pair.at(server).send('GET', '/v1/sessions/sum')).body.step, 8 * contributions)
        // A repeated one changes nothing, and tells the parameters: one for each contribution.
        const again = { worker: 'w0', seq: contributions, grads: f32(-1, -2) }
        const { body } = await pair.insist(server, 'sum', again)
        assert.deepEqual(floats(body.params as Uint8Array), [8 * contributions, 16 * contributions])
      }
    } finally {
      await pair.stop()
      await stop()
    }
  })
}
