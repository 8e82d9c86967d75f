import {
  type Dtype,
  type OpenRequest,
  Problem,
  type SessionReply,
  type StepRequest,
} from '../../schemas/index.ts'
import { locateHyperparams } from '../chains/index.ts'
import { printPlan, printRows } from '../compiler/print.ts'
import type { Lent, StepOutput } from '../engines/engine.ts'
import { contribute } from './asynchronous.ts'
import { readBuffer } from './buffers.ts'
import { checkAlone, detached, prepareContribution } from './contributing.ts'
import { Copies, type CopiesOptions } from './copies.ts'
import { describe } from './describing.ts'
import type { Past } from './history.ts'
import type { ContributionEvent, Event, StepEvent } from './journal.ts'
import type { Ask, Live } from './live.ts'
import { type Beginning, type Loan, Log } from './log.ts'
import { checkAttach, checkKeeps, checkRoom, specOf } from './opening.ts'
import { checkDtype, checkFits, prepare } from './prepare.ts'
import { Queues } from './queue.ts'
import { baseAhead, elsewhere, gaveUp, keepsNone, neverArrived, notFound } from './refusals.ts'
import type { Census } from './residents.ts'
import { type Lap, resultOf, type StepResult } from './result.ts'
import { advancing, checkRetry } from './retries.ts'
import { type Pending, Rounds } from './rounds.ts'
import { onlyRows } from './rows.ts'
import { writeSafetensors } from './safetensors.ts'
import { packSpec, readSpec, schemaHash } from './spec.ts'
import { States } from './states.ts'
import type { Quota } from './usage.ts'

export type { Lap, StepResult } from './result.ts'

export interface SessionsOptions extends CopiesOptions {
  /** Requests that may wait for one session. */
  readonly queueLimit: number
  /** A new id: 32 hex digits. */
  readonly random: () => string
}

/** What comes with a request for a step. */
export interface Asking {
  readonly lap?: Lap
  /** Whether somebody still waits for the reply when its turn has come. */
  readonly wanted?: () => boolean
  /** Told that the request waits for other workers: what it holds up meanwhile may be what they need. */
  readonly waits?: () => void
  /** Where its body is in memory that was lent for it. */
  readonly lease?: Lent['lease'] | undefined
}

/** A file in pieces. Where they have a lease, that is the caller's to release. */
export interface ParamsResult extends Pick<StepOutput, 'lease'> {
  readonly step: number
  readonly file: readonly Uint8Array[]
}

/** Bytes of a body of which it takes long to give them to a store. */
const worthwhile = 2 ** 20

const defaultTtl = 604_800
/** Milliseconds that a contribution waits for others. */
const defaultWait = 30_000

/**
 * Sessions: decides what happens next and in what order. The journal is the truth: a request is accepted by being
 * appended, and only then folded into the state. Keys are `tenant/id`.
 */
export class Sessions {
  readonly #options: SessionsOptions
  readonly #queues: Queues
  readonly #copies: Copies
  readonly #log: Log
  readonly #rounds: Rounds
  readonly state: States

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#queues = new Queues(options.queueLimit, () => void this.#copies.trim())
    this.#copies = new Copies(options, (key) => this.#queues.busy(key))
    this.#log = new Log(options)
    this.#rounds = new Rounds({
      store: options.store,
      log: this.#log,
      queues: this.#queues,
      copies: this.#copies,
    })
    this.state = new States({
      ...options,
      queues: this.#queues,
      copies: this.#copies,
      ttl: defaultTtl * 1000,
    })
  }

  /** Create a session, or attach to the one that is there. */
  async open(
    key: string,
    request: OpenRequest,
    quota?: Quota,
  ): Promise<{ created: boolean; session: SessionReply }> {
    const { store, random, programs, engine } = this.#options
    return this.#queues.run(key, async () => {
      const spec = specOf(request)
      if (spec === undefined) return { created: false, session: await this.#describe(key) }
      const program = programs.of(spec)
      const { sizes, plan } = program
      checkFits(plan, engine)
      checkKeeps(spec, program)
      checkRoom(spec, program, this.#options.memoryLimit)
      const { params, params_dtype = 'F32', ttl_s = defaultTtl } = request
      checkDtype('params_dtype', params_dtype, engine)
      const given = params && readBuffer(params, params_dtype, spec.tensors, sizes, 'params')
      const fresh = { incarnation: random(), record: packSpec(spec), ttl: ttl_s * 1000 }
      const create = () => store.create(key, fresh)
      const { created, session } = await (quota === undefined
        ? create()
        : quota.usage.opening(key, engine.stateBytes(plan), quota.limits, create))
      checkAttach(readSpec(session.record), spec)
      // Also when its creator died before: the first parameters in the journal count.
      if (given !== undefined)
        await this.#copies.with(
          key,
          () => ({ kind: 'params', params: given }) as const,
          async (live, event) => (live.started ? live : this.#record(live, event)),
        )
      return { created, session: await this.#describe(key) }
    })
  }

  /**
   * Memory to read the body of a step into: where its tensors are then they need not be copied for the engine. Where the
   * body says that it is for the next step, its gradients go to the store while they come.
   */
  lend(key: string, bytes: number, { step, tensors }: Beginning): Loan | undefined {
    const next = this.#copies.isNext(key, step)
    const lent = this.#copies.lend(key, bytes, next)
    const most = next && bytes >= worthwhile ? this.#copies.tensorsIn(key, bytes) : 0
    return most > 0 && lent && tensors ? this.#log.expect(key, lent, tensors(lent.bytes, most)) : lent
  }

  /** Take a step. A lease that comes with it is released here. */
  step(key: string, request: StepRequest, asking: Asking = {}): Promise<StepResult> {
    const { lease } = asking
    const taking = this.#step(key, request, asking)
    return lease === undefined ? taking : taking.finally(() => lease.release())
  }

  async #step(
    key: string,
    request: StepRequest,
    { lap = () => {}, wanted = () => true, waits = () => {}, lease }: Asking,
  ): Promise<StepResult> {
    const taken = await this.#queues.run<StepResult | Pending>(key, async () => {
      if (!wanted()) throw gaveUp()
      lap('queue')
      return this.#copies.with(
        key,
        (live) => this.#check(live, request),
        (live, { event, ask }) => {
          lap('decode')
          if (event.kind === 'contribution')
            return this.#contribute(live, request, lease === undefined ? event : detached(event), ask, lap)
          return this.#take(live, request.step, lease === undefined ? event : { lease, ...event }, ask, lap)
        },
      )
    })
    if (!('pending' in taken)) return taken
    waits()
    const result = await taken.pending
    lap('wait')
    return result
  }

  #contribute(
    live: Live,
    { step, seq, wait_ms: wait = defaultWait }: StepRequest,
    event: ContributionEvent,
    ask: Ask,
    lap: Lap,
  ): Promise<StepResult | Pending | undefined> {
    if (step !== undefined) return this.#rounds.join(live, { step, event, ask, wait }, lap)
    return contribute(live, { event, seq, ask }, { log: this.#log, copies: this.#copies }, lap)
  }

  /** All that can be wrong with a step, found before anything is written. */
  #check({ program, spec, started, at }: Live, request: StepRequest) {
    const { schema_hash, base = 0 } = request
    if (schema_hash !== undefined && schema_hash !== schemaHash(spec.tensors)) {
      const detail = `schema_hash is ${schema_hash}, the session's tensors have ${schemaHash(spec.tensors)}`
      throw new Problem('schema_mismatch', detail)
    }
    const terms = { plan: program.plan, sizes: program.sizes, tensors: spec.tensors, keeps: spec.keeps }
    const { engine } = this.#options
    if (spec.workers === 1) checkAlone(request)
    const prepared =
      spec.workers === 1 ? prepare(request, terms, engine) : prepareContribution(request, spec, terms, engine)
    if (!started) throw neverArrived()
    if (base > at.step) throw baseAhead(base, at.step)
    return prepared
  }

  /** Append a step and fold it; undefined when the session is not the one that the request was checked against. */
  async #take(
    live: Live,
    step: number | undefined,
    sent: StepEvent,
    ask: Ask,
    lap: Lap,
  ): Promise<StepResult | undefined> {
    // What is there at once is not waited for: a small step has some dozen turns of the queue of promises as it is.
    const event = sent.parameters === undefined ? sent : await onlyRows(sent, live.spec.tensors)
    const after = step === undefined ? {} : { after: step - 1 }
    const appended = await this.#log.append(live, event, { advance: advancing, ...after })
    lap('commit')
    if (appended.status === 'missing') return undefined
    const replayed = appended.status !== 'appended'
    if (replayed && !(await checkRetry({ live, head: appended.head, step, event }, this.#options.store)))
      return undefined
    const now = replayed
      ? await this.#copies.replay(live, appended.head, ask)
      : await this.#copies.follow(live, appended, event, ask)
    lap('compute')
    return resultOf(now, { replayed, counted: true })
  }

  /** Append and fold what is no step. */
  async #record(live: Live, event: Event, after?: number): Promise<Live | undefined> {
    const appended = await this.#log.append(live, event, after === undefined ? {} : { after })
    if (appended.status === 'missing') return undefined
    if (appended.status !== 'appended') throw elsewhere(appended.head.step, after)
    return this.#copies.follow(live, appended, event)
  }

  async describe(key: string): Promise<SessionReply> {
    return this.#queues.run(key, () => this.#describe(key))
  }

  /** What runs in a step of the session, as text. */
  async plan(key: string): Promise<string> {
    const stored = await this.#options.store.get(key)
    if (stored === undefined) throw notFound(key)
    const { plan } = this.#options.programs.of(readSpec(stored.record))
    return printPlan(plan) + printRows(plan)
  }

  async #describe(key: string): Promise<SessionReply> {
    const stored = await this.#options.store.get(key)
    if (stored === undefined) throw notFound(key)
    return describe(stored, await this.#copies.current(key, stored))
  }

  /** The parameters that the server keeps, as a safetensors file in pieces, and the step that they are after. */
  async params(key: string, dtype: Dtype, of: 'params' | 'eval'): Promise<ParamsResult> {
    checkDtype('dtype', dtype, this.#options.engine)
    return this.#queues.run(key, async () => {
      const stored = await this.#options.store.get(key)
      if (stored === undefined) throw notFound(key)
      const live = await this.#copies.current(key, stored)
      if (!live.spec.keeps) throw keepsNone()
      if (!live.started) throw neverArrived()
      const { parts = [], lease } = await live.params(dtype, of)
      const { tensors, chain } = live.spec
      const file = writeSafetensors(
        tensors.map(({ name, shape }, i) => ({ name, shape, dtype, bytes: parts[i] ?? new Uint8Array() })),
        { step: String(live.at.step), chain, schema_hash: schemaHash(tensors) },
      )
      return { step: live.at.step, file, ...(lease === undefined ? {} : { lease }) }
    })
  }

  /** What happened to a session after an entry of its journal, as far as it is kept. */
  async history(key: string, since: number): Promise<Past & { readonly step: number }> {
    return this.#queues.run(key, async () => {
      const { history, at } = await this.#copies.current(key)
      const { begins, happened } = history.past
      return { step: at.step, begins, happened: happened.filter(({ seq }) => seq > since) }
    })
  }

  /** Change hyperparams for later steps, or the time to live; `step` is where the session must be. */
  async change(
    key: string,
    { hyperparams, ttl_s }: { hyperparams?: Record<string, number>; ttl_s?: number },
    step?: number,
  ): Promise<SessionReply> {
    return this.#queues.run(key, async () => {
      const changing = Object.keys(hyperparams ?? {}).length > 0
      if (changing) {
        await this.#copies.with(
          key,
          (live) => locateHyperparams(live.program.plan.options, hyperparams ?? {}),
          (live, changes) => this.#record(live, { kind: 'hyperparams', changes }, step),
        )
      } else if (step !== undefined) await this.#checkStep(key, step)
      if (ttl_s !== undefined && !(await this.#options.store.setTtl(key, ttl_s * 1000))) throw notFound(key)
      return this.#describe(key)
    })
  }

  async #checkStep(key: string, wanted: number): Promise<void> {
    const stored = await this.#options.store.get(key)
    if (stored === undefined) throw notFound(key)
    if (stored.head.step !== wanted) throw elsewhere(stored.head.step, wanted)
  }

  async delete(key: string): Promise<void> {
    await this.#queues.run(key, async () => {
      await this.#copies.drop(key)
      if (!(await this.#options.store.delete(key))) throw notFound(key)
    })
  }

  census(): Census {
    return this.#copies.census()
  }

  /** Answer those who wait for other workers that the step is still open: another server may tell them. */
  letGo(): void {
    this.#rounds.close()
  }

  /** Let what is under way end, write what is being written, free the engine's memory. */
  async close(): Promise<void> {
    this.letGo()
    await this.#queues.idle()
    await this.#copies.close()
  }
}
