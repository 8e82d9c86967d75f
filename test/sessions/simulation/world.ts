import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type OpenRequest, Problem, type StepRequest } from '../../../schemas/index.ts'
import { referenceEngine } from '../../../server/engines/reference.ts'
import { Programs } from '../../../server/sessions/program.ts'
import { Sessions, type StepResult } from '../../../server/sessions/sessions.ts'
import { openStore } from '../../../server/stores/index.ts'
import type { Store } from '../../../server/stores/store.ts'
import { StoreUnavailable } from '../../../server/stores/store.ts'
import { bytes, large, small } from '../setup.ts'
import { Random } from './random.ts'
import { atTheEnd, type Fate, type Planted, Wire } from './wire.ts'

const key = 'public/run'
const engine = referenceEngine()
const programs = new Programs()
/** Scheduler's choices after which something must have been forgotten. */
const mostEvents = 20_000
/** How long a worker's request waits for the others, in simulated milliseconds. */
const patience = 20

/** What is sent to a session, and what must come of it. */
export interface Scenario {
  readonly name: string
  readonly open: OpenRequest
  readonly workers: readonly string[]
  /** Steps of the session, or contributions of each worker where each is a step. */
  readonly steps: number
  readonly request: (worker: string, n: number) => StepRequest
}

/** What a run came to. */
export interface Run {
  readonly seed: number
  readonly events: number
  readonly crashes: number
  /** Calls that were lost, unanswered or sent twice. */
  readonly faults: number
  /** What should never happen, and did. */
  readonly violation?: string
}

class Violation extends Error {}

/** A server in the simulation. */
interface Server {
  readonly sessions: Sessions
  readonly wire: Wire
  /** Rejects when it crashes. */
  readonly crashed: Promise<never>
  readonly crash: () => void
}

/** Servers, workers and a store whose every move is the scheduler's choice, and that choice the seed's. */
export class World {
  readonly #scenario: Scenario
  readonly #random: Random
  readonly #planted: Planted | undefined
  readonly #replies = new Map<number, Buffer>()
  #now = 0
  #store!: Store
  #servers: Server[] = []
  #working = 0
  #faults = 0
  #crashes = 0
  #violation: string | undefined

  constructor(scenario: Scenario, seed: number, planted?: Planted) {
    this.#scenario = scenario
    this.#random = new Random(seed)
    this.#planted = planted
  }

  /** @param expected replies of an undisturbed run, where the order of contributions does not matter */
  async run(seed: number, expected?: ReadonlyMap<number, Buffer>): Promise<Run> {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      this.#store = await openStore('memory:', { now: () => this.#now })
      this.#servers = [this.#start(), this.#start()]
      for (const worker of this.#scenario.workers) {
        this.#working++
        void this.#work(worker, expected)
          .catch((error: unknown) => {
            this.#violation ??= error instanceof Violation ? error.message : `${worker}: ${error}`
          })
          .finally(() => this.#working--)
      }
      let events = 0
      while (this.#working > 0 && this.#violation === undefined) {
        await this.#choose()
        if (++events > mostEvents) this.#violation = `not done after ${events} events`
      }
      this.#violation ??= await this.#judge(expected)
      const found = { seed, events, crashes: this.#crashes, faults: this.#faults }
      return this.#violation === undefined ? found : { ...found, violation: this.#violation }
    } finally {
      mock.timers.reset()
    }
  }

  #start(): Server {
    const wire = new Wire()
    let crash = () => {}
    const crashed = new Promise<never>((_, reject) => {
      crash = () => reject(new StoreUnavailable('The server crashed'))
    })
    crashed.catch(() => {})
    const sessions = new Sessions({
      engine,
      programs,
      store: atTheEnd(wire, this.#store, this.#planted),
      budget: this.#random.chance(0.5) ? small : large,
      memoryLimit: 1e9,
      queueLimit: 64,
      random: () => this.#random.hex(32),
      warn: () => {},
    })
    return { sessions, wire, crashed, crash }
  }

  /** Let everything happen that follows by itself, then one thing that the scheduler chooses. */
  async #choose(): Promise<void> {
    await setImmediate()
    const calls = this.#servers.flatMap(({ wire }) => wire.waiting.map((call) => ({ wire, call })))
    if (this.#random.chance(0.01)) return this.#crash(this.#random.below(2))
    // Time passes where nothing else can happen, and now and then.
    if (calls.length === 0 || this.#random.chance(0.03)) {
      this.#now += 5
      mock.timers.tick(5)
      return
    }
    const chosen = calls[this.#random.below(calls.length)]
    if (chosen === undefined) return
    chosen.wire.waiting.splice(chosen.wire.waiting.indexOf(chosen.call), 1)
    await chosen.call(this.#fate())
  }

  #fate(): Fate {
    if (!this.#random.chance(0.08)) return 'done'
    this.#faults++
    return (['lost', 'unanswered', 'twice'] as const)[this.#random.below(3)] ?? 'done'
  }

  async #crash(which: number): Promise<void> {
    this.#crashes++
    const server = this.#servers[which]
    server?.crash()
    await server?.wire.cut(() => this.#random.chance(0.5))
    this.#servers[which] = this.#start()
  }

  /** A call of a server that may be gone before it answers. */
  #ask<T>(act: (sessions: Sessions) => Promise<T>): Promise<T> {
    const server = this.#servers[this.#random.below(2)]
    if (server === undefined) throw new Error('There is no server')
    const answer = act(server.sessions)
    answer.catch(() => {})
    return Promise.race([answer, server.crashed])
  }

  /** As a client does: the same request until it is answered. */
  async #insist<T>(act: (sessions: Sessions) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await this.#ask(act)
      } catch (error) {
        const again =
          error instanceof StoreUnavailable || (error instanceof Problem && retried.has(error.code))
        if (!again) throw error
        await setImmediate()
      }
    }
  }

  async #work(worker: string, expected: ReadonlyMap<number, Buffer> | undefined): Promise<void> {
    await this.#insist((sessions) => sessions.open(key, this.#scenario.open))
    for (let n = 1; n <= this.#scenario.steps; n++) {
      const request = { ...this.#scenario.request(worker, n), wait_ms: patience }
      let result: StepResult
      try {
        result = await this.#insist((sessions) => sessions.step(key, request))
      } catch (error) {
        // The others closed the step without this worker, and more than one since.
        const late = error instanceof Problem && error.code === 'step_past' && this.#mayBeLate
        if (!late) throw new Violation(`${worker}, ${n}: ${describe(error)}`)
        continue
      }
      this.#check(worker, n, result, expected)
      result.output.lease?.release()
    }
  }

  get #mayBeLate(): boolean {
    return this.#scenario.open.quorum !== undefined
  }

  #check(worker: string, n: number, result: StepResult, expected?: ReadonlyMap<number, Buffer>): void {
    const reply = bytes(result)
    if (this.#scenario.open.workers === 0) return
    const before = expected?.get(n) ?? this.#replies.get(n)
    this.#replies.set(n, reply)
    if (result.step !== n)
      throw new Violation(`${worker} sent step ${n} and was answered step ${result.step}`)
    if (before !== undefined && !before.equals(reply))
      throw new Violation(`${worker} got other bytes for step ${n}`)
  }

  /** At the end: as many steps as there should be, and every server says the same of it. */
  async #judge(expected: ReadonlyMap<number, Buffer> | undefined): Promise<string | undefined> {
    const { workers, steps, open } = this.#scenario
    const wanted = open.workers === 0 ? workers.length * steps : steps
    const head = (await this.#store.get(key))?.head
    if (head?.step !== wanted) return `${head?.step} steps were taken, expected ${wanted}`
    const fresh = new Sessions({
      engine,
      programs,
      store: this.#store,
      budget: large,
      memoryLimit: 1e9,
      queueLimit: 64,
      random: () => this.#random.hex(32),
      warn: () => {},
    })
    const { file } = await fresh.params(key, 'F32', 'params')
    const params = Buffer.concat(file)
    const last = expected?.get(-1)
    if (last !== undefined && !last.equals(params)) return 'the parameters at the end are others'
    for (const { sessions, wire } of this.#servers) {
      let own: Buffer | undefined
      const asked = sessions.params(key, 'F32', 'params').then(({ file }) => {
        own = Buffer.concat(file)
      })
      asked.catch(() => {})
      while (own === undefined) {
        await setImmediate()
        const call = wire.waiting.shift()
        if (call !== undefined) await call('done')
        else mock.timers.tick(5)
      }
      if (!own.equals(params)) return 'two servers have other parameters at the end'
    }
    return undefined
  }
}

const retried: ReadonlySet<string> = new Set(['store_unavailable', 'step_open', 'overloaded'])
const describe = (error: unknown) =>
  error instanceof Problem ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack : error

/** What an undisturbed server answers: by step, and under −1 the parameters at the end. */
export async function undisturbed({ open, workers, steps, request }: Scenario): Promise<Map<number, Buffer>> {
  const store = await openStore('memory:')
  let ids = 0
  const sessions = new Sessions({
    engine,
    programs,
    store,
    budget: large,
    memoryLimit: 1e9,
    queueLimit: 64,
    random: () => (ids++).toString(16).padStart(32, '0'),
    warn: () => {},
  })
  await sessions.open(key, open)
  const replies = new Map<number, Buffer>()
  for (let n = 1; n <= steps; n++) {
    const results = await Promise.all(workers.map((worker) => sessions.step(key, request(worker, n))))
    for (const result of results) {
      replies.set(n, bytes(result))
      result.output.lease?.release()
    }
  }
  replies.set(-1, Buffer.concat((await sessions.params(key, 'F32', 'params')).file))
  return replies
}
