import {
  type Dtype,
  type OpenRequest,
  Problem,
  type SessionReply,
  type StepRequest,
} from '../../schemas/index.ts'
import { locateHyperparams } from '../chains/index.ts'
import { printPlan } from '../compiler/print.ts'
import type { StepOutput } from '../engines/engine.ts'
import type { Appended } from '../stores/store.ts'
import { readBuffer } from './buffers.ts'
import { Copies, type CopiesOptions } from './copies.ts'
import { describe } from './describing.ts'
import { digest, type Event, type StepEvent, writeEvent } from './journal.ts'
import type { Ask, Live } from './live.ts'
import { checkAttach, specOf } from './opening.ts'
import { checkDtype, checkFits, prepare } from './prepare.ts'
import { Queues } from './queue.ts'
import { checkRetry, elsewhere, keepsNone, neverArrived, notFound } from './refusals.ts'
import { writeSafetensors } from './safetensors.ts'
import { packSpec, readSpec, type Spec, schemaHash } from './spec.ts'

export interface SessionsOptions extends CopiesOptions {
  /** Requests that may wait for one session. */
  readonly queueLimit: number
  /** A new id: 32 hex digits. */
  readonly random: () => string
}

/** Told where the parts of a step's time end. */
export type Lap = (stage: 'queue' | 'decode' | 'compute' | 'commit') => void

export interface StepResult {
  readonly step: number
  readonly replayed: boolean
  /** Where it has a lease, that is the caller's to release. */
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
  readonly #copies: Copies

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#queues = new Queues(options.queueLimit)
    this.#copies = new Copies(options, (key) => this.#queues.busy(key))
  }

  /** Create a session, or attach to the one that is there. */
  async open(key: string, request: OpenRequest): Promise<{ created: boolean; session: SessionReply }> {
    const { store, random, programs, engine } = this.#options
    return this.#queues.run(key, async () => {
      const spec = specOf(request)
      if (spec === undefined) return { created: false, session: await this.#describe(key) }
      const { sizes, plan } = programs.of(spec)
      checkFits(plan, engine)
      const { params, params_dtype = 'F32', ttl_s = defaultTtl } = request
      checkDtype('params_dtype', params_dtype, engine)
      const given = params && readBuffer(params, params_dtype, spec.tensors, sizes, 'params')
      const fresh = { incarnation: random(), record: packSpec(spec), ttl: ttl_s * 1000 }
      const { created, session } = await store.create(key, fresh)
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

  async step(key: string, request: StepRequest, lap: Lap): Promise<StepResult> {
    return this.#queues.run(key, async () => {
      lap('queue')
      return this.#copies.with(
        key,
        (live) => this.#check(live, request),
        (live, { event, ask }) => {
          lap('decode')
          return this.#take(live, request.step, event, ask, lap)
        },
      )
    })
  }

  /** All that can be wrong with a step, found before anything is written. */
  #check({ program, spec, started }: Live, request: StepRequest): ReturnType<typeof prepare> {
    const { schema_hash } = request
    if (schema_hash !== undefined && schema_hash !== schemaHash(spec.tensors)) {
      const detail = `schema_hash is ${schema_hash}, the session's tensors have ${schemaHash(spec.tensors)}`
      throw new Problem('schema_mismatch', detail)
    }
    const terms = { plan: program.plan, sizes: program.sizes, tensors: spec.tensors, keeps: spec.keeps }
    const prepared = prepare(request, terms, this.#options.engine)
    if (started) return prepared
    throw neverArrived()
  }

  /** Append a step and fold it; undefined when the session is not the one that the request was checked against. */
  async #take(
    live: Live,
    step: number | undefined,
    event: StepEvent,
    ask: Ask,
    lap: Lap,
  ): Promise<StepResult | undefined> {
    const own = await digest(event)
    const appended = await this.#append(live, event, own, step === undefined ? undefined : step - 1)
    lap('commit')
    if (appended.status === 'missing') return undefined
    const replayed = appended.status === 'refused'
    const { last, spec } = replayed
      ? await this.#copies.replay(live, checkRetry(appended.head, step, own), ask)
      : await this.#copies.follow(live, appended, event, ask)
    lap('compute')
    if (last === undefined) throw new Error(`${live.key} folded step ${appended.head.step} and has no reply`)
    last.output.lease?.hold()
    return { step: last.step, replayed, output: last.output, ask, spec }
  }

  /** `made` is the digest of the step that the event makes, if it makes one; `after` where the session must be. */
  async #append({ key, incarnation }: Live, event: Event, made?: string, after?: number): Promise<Appended> {
    const { engine, random, store } = this.#options
    const advance = made === undefined ? undefined : { digest: made }
    const entry = { ...writeEvent(event, engine.numerics), id: random(), incarnation, advance }
    return store.append(key, after === undefined ? entry : { ...entry, after })
  }

  /** Append and fold what is no step. */
  async #record(live: Live, event: Event, after?: number): Promise<Live | undefined> {
    const appended = await this.#append(live, event, undefined, after)
    if (appended.status === 'refused') throw elsewhere(appended.head.step, after)
    return appended.status === 'appended' ? this.#copies.follow(live, appended, event) : undefined
  }

  async describe(key: string): Promise<SessionReply> {
    return this.#queues.run(key, () => this.#describe(key))
  }

  /** What runs in a step of the session, as text. */
  async plan(key: string): Promise<string> {
    const stored = await this.#options.store.get(key)
    if (stored === undefined) throw notFound(key)
    return printPlan(this.#options.programs.of(readSpec(stored.record)).plan)
  }

  async #describe(key: string): Promise<SessionReply> {
    const stored = await this.#options.store.get(key)
    if (stored === undefined) throw notFound(key)
    return describe(stored, await this.#copies.current(key, stored))
  }

  /** The parameters that the server keeps, as a safetensors file in pieces, and the step that they are after. */
  async params(
    key: string,
    dtype: Dtype,
  ): Promise<{ readonly step: number; readonly file: readonly Uint8Array[] }> {
    checkDtype('dtype', dtype, this.#options.engine)
    return this.#queues.run(key, async () => {
      const stored = await this.#options.store.get(key)
      if (stored === undefined) throw notFound(key)
      const live = await this.#copies.current(key, stored)
      if (!live.spec.keeps) throw keepsNone()
      if (!live.started) throw neverArrived()
      const pieces = await live.params(dtype)
      const { tensors, chain } = live.spec
      const file = writeSafetensors(
        tensors.map(({ name, shape }, i) => ({ name, shape, dtype, bytes: pieces[i] ?? new Uint8Array() })),
        { step: String(live.at.step), chain, schema_hash: schemaHash(tensors) },
      )
      return { step: live.at.step, file }
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

  /** Let what is under way end, write what is being written, free the engine's memory. */
  async close(): Promise<void> {
    await this.#queues.idle()
    await this.#copies.close()
  }
}
