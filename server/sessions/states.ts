import { Problem, type SessionReply } from '../../schemas/index.ts'
import type { Engine } from '../engines/engine.ts'
import type { Appended, Store, StoredSession } from '../stores/store.ts'
import type { Copies } from './copies.ts'
import { describe } from './describing.ts'
import { checkKeeps } from './opening.ts'
import { checkFits } from './prepare.ts'
import type { Programs } from './program.ts'
import type { Queues } from './queue.ts'
import { elsewhere, neverArrived, notFound } from './refusals.ts'
import { writeSnapshot } from './snapshot.ts'
import { differences, packSpec, readSpec, type Spec, stateMark } from './spec.ts'
import { digestOf, fitState, readState, type State, writeState } from './state.ts'
import type { Quota } from './usage.ts'

export interface StatesOptions {
  readonly store: Store
  readonly engine: Engine
  readonly programs: Programs
  readonly queues: Queues
  readonly copies: Copies
  readonly random: () => string
  /** Time to live of a session that a file makes, in milliseconds. */
  readonly ttl: number
}

interface Placed {
  readonly created: boolean
  readonly session: SessionReply
}

/**
 * The whole state of sessions: given out, put back, copied. State that is put is one entry of the journal, which takes
 * the place of all before it.
 */
export class States {
  readonly #options: StatesOptions

  constructor(options: StatesOptions) {
    this.#options = options
  }

  /** As a safetensors file in pieces, and the step that it is after. */
  async read(key: string): Promise<{ readonly step: number; readonly file: readonly Uint8Array[] }> {
    const { engine, programs } = this.#options
    const { state } = await this.#state(key)
    return { step: state.step, file: writeState(programs.of(state.spec).plan, state, engine.numerics) }
  }

  /** A copy that later steps do not touch. */
  #state(key: string): Promise<{ readonly stored: StoredSession; readonly state: State }> {
    const { store, queues, copies } = this.#options
    return queues.run(key, async () => {
      const stored = await store.get(key)
      if (stored === undefined) throw notFound(key)
      const live = await copies.current(key, stored)
      if (!live.started) throw neverArrived()
      const saved = await live.save()
      return { stored, state: { spec: live.spec, step: live.at.step, options: [...live.options], saved } }
    })
  }

  /**
   * Put a session at the state of a file; make it where it is not there.
   *
   * @param after the step that the session must be at
   */
  async put(key: string, file: Uint8Array, quota: Quota | undefined, after?: number): Promise<Placed> {
    const { store, programs, queues, engine } = this.#options
    const read = readState(file)
    const program = programs.of(read.spec)
    checkFits(program.plan, engine)
    checkKeeps(read.spec, program)
    const state = fitState(program.plan, read)
    const digest = await digestOf(file)
    return queues.run(key, async () => {
      const there = await store.get(key)
      if (there === undefined && after !== undefined) throw notFound(key)
      const { created, session } =
        there === undefined
          ? await this.#make(key, { ...state.spec, made: 'file' }, this.#options.ttl, quota)
          : { created: false, session: there }
      const { chain, tensors, keeps, seed } = state.spec
      const is = readSpec(session.record)
      // How steps are shared is no part of the state: it stays as the session was opened.
      const found = differences(is, { ...is, chain, tensors, keeps, seed })
      if (found.length > 0)
        throw new Problem('spec_conflict', `The file is of another session: this one's ${found.join('; ')}`)
      const { head } = await this.#append(key, session.incarnation, state, digest, after)
      if (after !== undefined && head.digest !== digest) throw elsewhere(head.step, after)
      return { created, session: await this.#describe(key) }
    })
  }

  /** Copy a session as it is now to another key. A copy of it that is there already is left as it is. */
  async fork(key: string, to: string, quota?: Quota): Promise<Placed> {
    const { queues } = this.#options
    if (key === to)
      throw new Problem('invalid_request', 'A session cannot be forked to its own id', { path: '/id' })
    const { stored, state } = await this.#state(key)
    return queues.run(to, async () => {
      const made = `fork of ${stored.incarnation}`
      const { created, session } = await this.#make(to, { ...state.spec, made }, stored.ttl, quota)
      if (readSpec(session.record).made !== made)
        throw new Problem(
          'spec_conflict',
          `There is a session ${idOf(to)}, and it is no fork of ${idOf(key)}: name another`,
        )
      if (created || !(await this.#options.copies.current(to, session)).started)
        await this.#append(to, session.incarnation, state, stateMark, 0)
      return { created, session: await this.#describe(to) }
    })
  }

  /** A session that has no state until some is put: whoever makes it may not come to that. */
  #make(key: string, spec: Spec, ttl: number, quota: Quota | undefined) {
    const { store, random, programs, engine } = this.#options
    const fresh = { incarnation: random(), record: packSpec(spec), ttl }
    const create = () => store.create(key, fresh)
    if (quota === undefined) return create()
    return quota.usage.opening(key, engine.stateBytes(programs.of(spec).plan), quota.limits, create)
  }

  async #append(
    key: string,
    incarnation: string,
    { spec, step, options, saved }: State,
    digest: string,
    after: number | undefined,
  ): Promise<Extract<Appended, { head: unknown }>> {
    const { store, random, engine, programs, copies } = this.#options
    const { meta, body } = writeSnapshot(programs.of(spec).plan, saved, {
      incarnation,
      step,
      numerics: engine.numerics,
      exactFrom: step + 1,
      options,
    })
    const entry = { id: random(), incarnation, meta, body, advance: { digest }, restores: step }
    const appended = await store.append(key, after === undefined ? entry : { ...entry, after })
    if (appended.status === 'missing') throw notFound(key)
    // Loaded as by any other server: what is in the store is then known to be whole.
    await copies.drop(key)
    return appended
  }

  async #describe(key: string): Promise<SessionReply> {
    const stored = await this.#options.store.get(key)
    if (stored === undefined) throw notFound(key)
    return describe(stored, await this.#options.copies.current(key, stored))
  }
}

const idOf = (key: string): string => key.slice(key.indexOf('/') + 1)
