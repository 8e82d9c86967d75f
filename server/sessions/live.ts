import type { Dtype } from '../../schemas/index.ts'
import { declaredIn } from '../compiler/plan.ts'
import { Converter } from '../engines/dtypes.ts'
import type { Engine, Lent, Replica, SavedPiece, StepOutput, Want } from '../engines/engine.ts'
import { StateLost, type Store, type StoredSession } from '../stores/store.ts'
import { sizeOf } from '../turns.ts'
import { type Aggregate, aggregate, stalenessWeight } from './aggregate.ts'
import { ahead } from './ahead.ts'
import { Backlog } from './backlog.ts'
import { History, type Told } from './history.ts'
import {
  bodyOf,
  type Change,
  type ContributionEvent,
  type Event,
  type Extent,
  readEvent,
  type StepEvent,
} from './journal.ts'
import type { Program } from './program.ts'
import { unlessReplaced, withBodies } from './reading.ts'
import { copyState, readSnapshot, writeSnapshot } from './snapshot.ts'
import type { Spec } from './spec.ts'

/** What a reply is to hold. */
export interface Ask {
  readonly want: Want
  readonly stats: boolean
}

/** The reply of the latest step, kept until the next one: a retry computes nothing. */
export interface Last {
  readonly step: number
  readonly ask: Ask
  readonly output: StepOutput
}

/** One piece a tensor; where they have a lease, that is the caller's to release. */
export type Parts = Pick<StepOutput, 'parts' | 'lease'>

/** When a journal is replaced by a snapshot. */
export interface JournalBudget {
  readonly entries: number
  /** In bytes, and in multiples of the state: the larger of the two. */
  readonly bytes: number
  readonly states: number
}

export interface Workshop {
  readonly engine: Engine
  readonly store: Store
  readonly budget: JournalBudget
  /** Told when a snapshot could not be written: nothing is lost, the journal stays. */
  readonly warn: (message: string, error: unknown) => void
}

/** How far to fold, and what the reply of a step on the way is to hold. */
export interface Until {
  readonly seq: number
  readonly reply?: { readonly step: number; readonly ask: Ask }
}

interface Position {
  readonly seq: number
  readonly id: string
  readonly step: number
}

/**
 * A session folded up to some entry of its journal: its state in engine memory. It may be behind the journal, never
 * ahead. Whatever throws here leaves it unusable: it is closed and loaded again.
 */
export class Live {
  readonly key: string
  readonly spec: Spec
  readonly incarnation: string
  readonly program: Program
  readonly options: Float64Array
  readonly stateBytes: number
  readonly history: History
  readonly #mostEntries: number
  readonly #workshop: Workshop
  #replica: Replica | undefined
  #at: Position
  #last: Last | undefined
  #exactFrom = 1
  /** Entries were folded, or a snapshot made, by other arithmetic than this engine's. */
  #foreign = false
  /** Contributions to the next step. */
  #round: readonly ContributionEvent[] = []
  /** The last position without such: contributions are in no snapshot, they stay in the journal. */
  #settled: Position
  readonly #backlog = new Backlog()
  #saving: Promise<void> | undefined

  constructor(workshop: Workshop, key: string, stored: StoredSession, spec: Spec, program: Program) {
    this.#workshop = workshop
    this.key = key
    this.spec = spec
    this.program = program
    this.incarnation = stored.incarnation
    this.options = Float64Array.from(program.plan.options.values())
    this.stateBytes = workshop.engine.stateBytes(program.plan)
    this.history = new History(program.plan)
    // Sessions that step together are not to write their snapshots together: each has its own, somewhat smaller, number.
    const own = Number.parseInt(stored.incarnation.slice(0, 2), 16) / 256
    this.#mostEntries = workshop.budget.entries - Math.floor((own * workshop.budget.entries) / 8)
    this.#at = { seq: 0, id: stored.incarnation, step: 0 }
    this.#settled = this.#at
  }

  get at(): Position {
    return this.#at
  }
  get last(): Last | undefined {
    return this.#last
  }
  get exactFrom(): number {
    return this.#exactFrom
  }
  /** What the journal has beyond the snapshot. */
  get journal(): Extent {
    return this.#backlog.all
  }
  /** Whether there is state: not yet, where the server is to keep parameters that have not arrived. */
  get started(): boolean {
    return this.#replica !== undefined
  }

  /** Start from the snapshot, if there is one. False when it is of another session by now. */
  async begin(): Promise<boolean> {
    const { engine, store } = this.#workshop
    const { plan } = this.program
    const snapshot = await store.snapshot(this.key)
    if (snapshot === undefined) {
      const fresh = !this.spec.keeps && this.spec.made === undefined
      if (fresh) this.#replica = await engine.open(plan, { options: this.options })
      return true
    }
    const { saved, incarnation, step, options, exactFrom, numerics, past } = readSnapshot(plan, snapshot)
    if (incarnation !== this.incarnation) return false
    this.options.set(options)
    const opened = await unlessReplaced(() => engine.open(plan, { saved }))
    if (opened === undefined) return false
    this.#replica = opened
    this.#at = { seq: snapshot.seq, id: snapshot.id, step }
    this.#settled = this.#at
    this.#exactFrom = exactFrom
    this.history.begin(this.#at, past)
    this.#notice(numerics)
    return true
  }

  /** Fold what the journal has beyond this. False when it does not follow: then this must be loaded again. */
  async catchUp(until?: Until): Promise<boolean> {
    const entries = this.#workshop.store.entries(this.key, this.#at.seq)
    const { seq = Number.POSITIVE_INFINITY, reply } = until ?? {}
    const bodies = withBodies(entries, seq, (bytes) => this.#replica?.lend?.(bytes))
    for await (const read of ahead(bodies, (read) => read?.lease?.release())) {
      try {
        if (read?.entry.previous !== this.#at.id) return false
        const { entry, body } = read
        const { event, numerics } = readEvent(entry, body, declaredIn(this.program.plan))
        await this.fold(entry, event, numerics, entry.step === reply?.step ? reply.ask : undefined)
      } finally {
        read?.lease?.release()
      }
    }
    return until === undefined || this.#at.seq >= until.seq
  }

  /** Make the state that of after an entry, which is the next one. */
  async fold(to: Position, event: Event, numerics: string, ask?: Ask): Promise<void> {
    switch (event.kind) {
      case 'params': {
        const start = { options: this.options, parameters: event.params }
        this.#replica ??= await this.#workshop.engine.open(this.program.plan, start)
        this.history.params(to)
        break
      }
      case 'hyperparams':
        this.#change(event.changes)
        this.history.hyperparams(to, event.changes)
        break
      case 'step':
        this.#change(event.changes)
        await this.#step(to, event, ask)
        break
      case 'contribution':
        await this.#contribute(to, event, ask)
        break
      case 'close':
        await this.#closeRound(to, ask)
    }
    this.#at = { seq: to.seq, id: to.id, step: to.step }
    this.#backlog.add(sizeOf(bodyOf(event)))
    if (this.#round.length === 0) this.#settle()
    this.#notice(numerics)
  }

  async #contribute(to: Position, event: ContributionEvent, ask: Ask | undefined): Promise<void> {
    if (this.spec.workers === 0) {
      const weight = event.weight * stalenessWeight(this.spec, this.#at.step - (event.base ?? this.#at.step))
      const { measure = false } = event
      const own = await aggregate([{ ...event, weight }], 'sum')
      return this.#step(to, { workers: 1, measure, ...own }, ask)
    }
    this.#round = [...this.#round, event]
    // The log says whether it was the last that was waited for.
    if (to.step > this.#at.step) await this.#closeRound(to, ask)
  }

  async #closeRound(to: Position, ask: Ask | undefined): Promise<void> {
    const gathered = await aggregate(this.#round, this.spec.aggregate)
    const [workers, measure] = [this.#round.length, this.#round.some((event) => event.measure)]
    this.#round = []
    await this.#step(to, { workers, measure, ...gathered }, ask)
  }

  async #step(
    to: Position,
    event: Aggregate & Told & Pick<StepEvent, 'parameters' | 'lease'>,
    ask: Ask | undefined,
  ): Promise<void> {
    this.forget()
    const output = await this.#replicaOrThrow().step({
      plan: ask?.stats || event.measure ? this.program.measured : this.program.plan,
      gradients: event.gradients,
      ...(event.lease === undefined ? {} : { lease: event.lease }),
      ...(event.parameters === undefined ? {} : { parameters: event.parameters }),
      ...(event.loss === undefined ? {} : { loss: event.loss }),
      options: this.options,
      ...(ask === undefined ? {} : { want: ask.want }),
    })
    this.history.step(to, event, output.scalars)
    if (ask !== undefined) this.#last = { step: to.step, ask, output }
  }

  #settle(): void {
    this.#settled = this.#at
    this.#backlog.settle()
  }

  /** Whether the journal has outgrown its budget with so many bytes more. */
  snapshotIsDue(bytesToCome: number): boolean {
    const { bytes, states } = this.#workshop.budget
    const limit = { entries: this.#mostEntries, bytes: Math.max(bytes, states * this.stateBytes) }
    const outgrown = this.#backlog.outgrows(limit, bytesToCome)
    return this.#saving === undefined && this.started && (outgrown || this.#foreign)
  }

  /**
   * Replace the journal up to the latest step by a snapshot. To be called once the next step is in the journal and not yet
   * folded: so the latest step can always be folded again, and its reply made again. The state is copied before that step;
   * it is written beside those that follow.
   */
  async snapshot(): Promise<void> {
    const { engine, store, warn } = this.#workshop
    const { saved, lease } = await copyState(this.#replicaOrThrow())
    const { seq, id, step } = this.#settled
    const { meta, body } = writeSnapshot(this.program.plan, saved, {
      incarnation: this.incarnation,
      step,
      numerics: engine.numerics,
      exactFrom: this.#exactFrom,
      options: [...this.options],
      past: this.history.past,
    })
    const { covered } = this.#backlog
    this.#saving = store
      .putSnapshot(this.key, { seq, id, incarnation: this.incarnation, meta, body, lease })
      .then(() => {
        lease.release() // not where that failed: it may yet be read
        this.#backlog.drop(covered)
        this.#foreign = false
      })
      .catch((error: unknown) =>
        warn(`The snapshot of ${this.key} after step ${step} was not written`, error),
      )
      .finally(() => {
        this.#saving = undefined
      })
  }

  /** A copy of all state, in the plan's order. */
  save(): Promise<readonly SavedPiece[]> {
    return this.#replicaOrThrow().save()
  }

  /** The parameters that the server keeps, or those to evaluate with, one piece a tensor. */
  async params(dtype: Dtype, of: 'params' | 'eval'): Promise<Parts> {
    const replica = this.#replicaOrThrow()
    if (of === 'eval') {
      const { evaluated: plan } = this.program
      const gradients = { dtype: 'F32', parts: [] } as const
      return replica.step({ plan, gradients, options: this.options, want: { dtype, of: 'updates' } })
    }
    const kept = await replica.save('params')
    const converter = new Converter()
    const parts: Uint8Array[] = []
    for (const piece of kept) parts.push(await converter.convert(piece, dtype))
    return { parts }
  }

  /** Memory for the body of a step: none where several give to one, for then it is needed for longer. */
  lend(bytes: number): Lent | undefined {
    return this.spec.workers === 1 ? this.#replica?.lend?.(bytes) : undefined
  }

  async close(): Promise<void> {
    await this.#saving
    this.forget()
    this.#replica?.close()
    this.#replica = undefined
  }

  /** The latest reply is no longer kept here; who sends it holds it still. */
  forget(): void {
    this.#last?.output.lease?.release()
    this.#last = undefined
  }

  #change(changes: readonly Change[]): void {
    for (const [index, value] of changes) this.options[index] = value
  }

  /** Where other arithmetic was at work, replays of what was taken so far may differ in their last bits. */
  #notice(numerics: string): void {
    if (numerics === this.#workshop.engine.numerics) return
    this.#foreign = true
    this.#exactFrom = this.#at.step + 1
  }

  #replicaOrThrow(): Replica {
    if (this.#replica === undefined)
      throw new StateLost(`${this.key} has steps, and no parameters to begin with`)
    return this.#replica
  }
}
