import { type OpenRequest, Problem, type SessionReply, type StepRequest } from '../../schemas/index.ts'
import { locateHyperparams, printChain, readChain } from '../chains/index.ts'
import type { Engine, StepOutput } from '../engines/engine.ts'
import type { Appended, Head, Store, StoredSession } from '../stores/store.ts'
import { readBuffer } from './buffers.ts'
import { digest, type Event, type StepEvent, writeEvent } from './journal.ts'
import { type Ask, type JournalBudget, Live, type Workshop } from './live.ts'
import { checkDtype, prepare } from './prepare.ts'
import type { Programs } from './program.ts'
import { Queues } from './queue.ts'
import { Residents } from './residents.ts'
import { differences, packSpec, readSpec, type Spec, schemaHash } from './spec.ts'

export interface SessionsOptions {
  readonly engine: Engine
  readonly store: Store
  readonly programs: Programs
  readonly budget: JournalBudget
  /** Bytes of state to hold in engine memory. */
  readonly memoryLimit: number
  /** Requests that may wait for one session. */
  readonly queueLimit: number
  /** A new id: 32 hex digits. */
  readonly random: () => string
  readonly warn: Workshop['warn']
}

/** Told of the parts of a step's time. */
export type Lap = (stage: 'queue' | 'decode' | 'compute' | 'commit') => void

export interface StepResult {
  readonly step: number
  readonly replayed: boolean
  readonly output: StepOutput
  readonly ask: Ask
  readonly spec: Spec
}

const defaultTtl = 604_800

/**
 * Sessions: decides what happens next and in what order. The journal is the truth: a request is accepted by being
 * appended, and only then folded into the state. Keys are `tenant/id`.
 */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #queues: Queues
  readonly #residents: Residents

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#queues = new Queues(options.queueLimit)
    this.#residents = new Residents(options.memoryLimit, (key) => this.#queues.busy(key))
  }

  /** Create a session, or attach to the one that is there. */
  async open(key: string, request: OpenRequest): Promise<{ created: boolean; session: SessionReply }> {
    const { store, random } = this.#options
    return this.#queues.run(key, async () => {
      const spec = this.#specOf(request)
      if (spec === undefined) return { created: false, session: await this.#describe(key) }
      const { sizes } = this.#options.programs.of(spec)
      const { params, params_dtype = 'F32', ttl_s = defaultTtl } = request
      checkDtype('params_dtype', params_dtype, this.#options.engine)
      const given =
        params === undefined ? undefined : readBuffer(params, params_dtype, spec.tensors, sizes, 'params')
      const fresh = { incarnation: random(), record: packSpec(spec), ttl: ttl_s * 1000 }
      const { created, session } = await store.create(key, fresh)
      const found = differences(readSpec(session.record), spec)
      if (found.length > 0)
        throw new Problem(
          'spec_conflict',
          `The session exists, and ${found.join('; ')}. Attach with an empty body, or open another id`,
        )
      // Also when its creator died before: the first parameters in the journal count.
      if (given !== undefined && session.head.seq === 0)
        await this.#record(key, { kind: 'params', params: given })
      return { created, session: await this.#describe(key) }
    })
  }

  #specOf({ chain, tensors, params, seed = 0 }: OpenRequest): Spec | undefined {
    if (chain === undefined && tensors === undefined) return undefined
    if (chain === undefined || tensors === undefined)
      throw new Problem(
        'invalid_request',
        `An open has both chain and tensors, or neither to attach; ${chain === undefined ? 'chain' : 'tensors'} is missing`,
        {
          path: chain === undefined ? '/chain' : '/tensors',
        },
      )
    const names = new Set<string>()
    for (const [i, { name }] of tensors.entries()) {
      if (names.has(name))
        throw new Problem('invalid_request', `Two tensors are called ${name}: names are unique`, {
          path: `/tensors/${i}/name`,
        })
      names.add(name)
    }
    return { chain: printChain(readChain(chain)), tensors, keeps: params !== undefined, seed }
  }

  async step(key: string, request: StepRequest, lap: Lap): Promise<StepResult> {
    return this.#queues.run(key, async () => {
      lap('queue')
      return this.#withLive(key, async (live) => {
        this.#checkHash(live, request.schema_hash)
        const { event, ask } = prepare(request, this.#termsOf(live), this.#options.engine)
        if (!live.started)
          throw new Problem(
            'missing_params',
            'The session keeps parameters that never arrived: open it again with params',
          )
        lap('decode')
        return this.#take(live, request.step, event, ask, lap)
      })
    })
  }

  #termsOf({ program, spec }: Live) {
    return { plan: program.plan, sizes: program.sizes, tensors: spec.tensors, keeps: spec.keeps }
  }

  #checkHash({ spec }: Live, hash: string | undefined): void {
    const own = schemaHash(spec.tensors)
    if (hash !== undefined && hash !== own)
      throw new Problem('schema_mismatch', `schema_hash is ${hash}, the session's tensors have ${own}`)
  }

  /** Append a step and fold it; undefined when the session is not the one that the request was checked against. */
  async #take(
    live: Live,
    step: number | undefined,
    event: StepEvent,
    ask: Ask,
    lap: Lap,
  ): Promise<StepResult | undefined> {
    const own = digest(event)
    const appended = await this.#append(
      live,
      event,
      { digest: own },
      step === undefined ? undefined : step - 1,
    )
    lap('commit')
    if (appended.status === 'missing') return undefined
    const replayed = appended.status === 'refused'
    const now = replayed
      ? await this.#replay(live, checkRetry(appended.head, step, own), ask)
      : await this.#follow(live, appended, event, ask)
    lap('compute')
    const { last } = now
    if (last === undefined) throw new Error(`${live.key} folded step ${appended.head.step} and has no reply`)
    return { step: last.step, replayed, output: last.output, ask, spec: now.spec }
  }

  async #append(
    live: Pick<Live, 'key' | 'incarnation'>,
    event: Event,
    advance?: { digest: string },
    after?: number,
  ): Promise<Appended> {
    const { engine, random, store } = this.#options
    const entry = {
      ...writeEvent(event, engine.numerics),
      id: random(),
      incarnation: live.incarnation,
      advance,
    }
    return store.append(live.key, after === undefined ? entry : { ...entry, after })
  }

  /** Bring a copy up to an entry just appended. What others appended before it is folded first. */
  async #follow(
    live: Live,
    { head, previous }: Appended & { status: 'appended' },
    event: Event,
    ask?: Ask,
  ): Promise<Live> {
    if (previous !== live.at.id)
      return (await live.catchUp(ask, head.step)) ? live : this.#reload(live.key, ask, head.step)
    await live.snapshotIfDue(bytesOf(event))
    await live.fold(head, event, this.#options.engine.numerics, ask)
    return live
  }

  /** The reply of the latest step once more. */
  async #replay(live: Live, head: Head, ask: Ask): Promise<Live> {
    const current = live.at.id === head.id || (await live.catchUp(ask, head.step))
    const same = live.last?.step === head.step && JSON.stringify(live.last.ask) === JSON.stringify(ask)
    return current && same ? live : this.#reload(live.key, ask, head.step)
  }

  async describe(key: string): Promise<SessionReply> {
    return this.#queues.run(key, () => this.#describe(key))
  }

  async #describe(key: string): Promise<SessionReply> {
    const { store, engine } = this.#options
    const stored = await store.get(key)
    if (stored === undefined) throw notFound(key)
    const live = await this.#current(key, stored)
    const { plan, needs } = live.program
    const paths = [...plan.options.keys()]
    return {
      id: key.slice(key.indexOf('/') + 1),
      step: live.at.step,
      chain: live.spec.chain,
      schema_hash: schemaHash(live.spec.tensors),
      tensors: [...live.spec.tensors],
      needs: { params: needs.parameters, value: needs.loss },
      params: live.spec.keeps ? 'server' : needs.parameters ? 'client' : 'none',
      hyperparams: Object.fromEntries(paths.map((path, i) => [path, live.options[i] ?? Number.NaN])),
      state_bytes: engine.stateBytes(plan),
      workers: 1,
      ttl_s: stored.ttl / 1000,
      created: new Date(stored.created).toISOString(),
      expires_at: new Date(stored.expires).toISOString(),
      exact_from: live.exactFrom,
    }
  }

  /** Change hyperparams for later steps, or the time to live; `step` is where the session must be. */
  async change(
    key: string,
    change: { hyperparams?: Record<string, number>; ttl_s?: number },
    step?: number,
  ): Promise<SessionReply> {
    return this.#queues.run(key, async () => {
      const { hyperparams, ttl_s } = change
      if (hyperparams !== undefined || step !== undefined) {
        await this.#withLive(key, async (live) => {
          const changes = locateHyperparams(live.program.plan.options, hyperparams ?? {})
          return this.#recordOn(live, { kind: 'hyperparams', changes }, step)
        })
      }
      if (ttl_s !== undefined && !(await this.#options.store.setTtl(key, ttl_s * 1000))) throw notFound(key)
      return this.#describe(key)
    })
  }

  async #record(key: string, event: Event): Promise<void> {
    await this.#withLive(key, (live) => this.#recordOn(live, event))
  }

  async #recordOn(live: Live, event: Event, after?: number): Promise<Live | undefined> {
    const appended = await this.#append(live, event, undefined, after)
    if (appended.status === 'missing') return undefined
    if (appended.status === 'appended') return this.#follow(live, appended, event)
    const current_step = appended.head.step
    throw new Problem(
      'precondition_failed',
      `The session is at step ${current_step}, If-Match wants ${after}`,
      { current_step },
    )
  }

  async delete(key: string): Promise<void> {
    await this.#queues.run(key, async () => {
      await this.#residents.drop(key)
      if (!(await this.#options.store.delete(key))) throw notFound(key)
    })
  }

  /** Let what is under way end, write what is being written, free the engine's memory. */
  async close(): Promise<void> {
    await this.#queues.idle()
    await this.#residents.close()
  }

  /** Do something with a session in memory. Where that is of another incarnation than the store's, once more. */
  async #withLive<T>(key: string, work: (live: Live) => Promise<T | undefined>): Promise<T> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const live = this.#residents.get(key) ?? (await this.#reload(key))
      try {
        const result = await work(live)
        if (result !== undefined) return result
      } catch (error) {
        // A refusal changed nothing. Whatever else happened, the copy can no longer be trusted; the journal can.
        if (!(error instanceof Problem)) await this.#residents.drop(key)
        throw error
      }
      await this.#residents.drop(key)
    }
    throw notFound(key)
  }

  async #current(key: string, stored: StoredSession): Promise<Live> {
    const live = this.#residents.get(key)
    if (live === undefined || live.incarnation !== stored.incarnation) return this.#reload(key)
    return live.at.id === stored.head.id || (await live.catchUp()) ? live : this.#reload(key)
  }

  async #reload(key: string, ask?: Ask, step?: number): Promise<Live> {
    await this.#residents.drop(key)
    const stored = await this.#options.store.get(key)
    if (stored === undefined) throw notFound(key)
    const spec = readSpec(stored.record)
    const program = this.#options.programs.of(spec)
    const live = await Live.load(() => new Live(this.#options, key, stored, spec, program), ask, step)
    await this.#residents.put(live)
    return live
  }
}

const bytesOf = (event: Event): number => {
  if (event.kind !== 'step') return 0
  const parts = [...event.gradients.parts, ...(event.parameters?.parts ?? [])]
  return parts.reduce((sum, part) => sum + part.length, 0)
}

/** The head, if the step that was refused is a retry of the one there. */
function checkRetry(head: Head, step: number | undefined, own: string): Head {
  const current_step = head.step
  if (step === undefined || step > current_step)
    throw new Problem(
      'step_gap',
      `Step ${step} is ahead of its turn: the session is at ${current_step}, expected step ${current_step + 1}`,
      { current_step },
    )
  if (step < current_step)
    throw new Problem(
      'step_past',
      `Step ${step} is over: the session is at ${current_step}, expected step ${current_step + 1}`,
      { current_step },
    )
  if (own !== head.digest)
    throw new Problem(
      'step_conflict',
      `Step ${step} was taken with other content: a retry must send the same gradients, params, value and hyperparams`,
      { current_step },
    )
  return head
}

const notFound = (key: string) =>
  new Problem(
    'session_not_found',
    `There is no session ${key.slice(key.indexOf('/') + 1)}: it was never opened, was deleted, or expired`,
  )
