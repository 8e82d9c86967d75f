import type { Dtype } from '../../schemas/index.ts'
import { Converter } from '../engines/dtypes.ts'
import type { Engine, Replica, StepOutput, Want } from '../engines/engine.ts'
import { StateLost, type Store, type StoredSession } from '../stores/store.ts'
import { type Change, type Event, readEvent } from './journal.ts'
import type { Program } from './program.ts'
import { readSnapshot, writeSnapshot } from './snapshot.ts'
import type { Spec } from './spec.ts'

/** What a reply is to hold. */
export interface Ask {
  readonly want: Want
  readonly stats: boolean
}

/** The reply of the latest step, kept until the next one so that a retry is free. */
export interface Last {
  readonly step: number
  readonly ask: Ask
  readonly output: StepOutput
}

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
  readonly #workshop: Workshop
  #replica: Replica | undefined
  #at: Position
  #last: Last | undefined
  #exactFrom = 1
  /** Entries were folded, or a snapshot made, by other arithmetic than this engine's. */
  #foreign = false
  #entries = 0
  #bytes = 0
  #saving: Promise<void> | undefined

  constructor(workshop: Workshop, key: string, stored: StoredSession, spec: Spec, program: Program) {
    this.#workshop = workshop
    this.key = key
    this.spec = spec
    this.program = program
    this.incarnation = stored.incarnation
    this.options = Float64Array.from(program.plan.options.values())
    this.stateBytes = workshop.engine.stateBytes(program.plan)
    this.#at = { seq: 0, id: stored.incarnation, step: 0 }
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
      if (!this.spec.keeps) this.#replica = await engine.open(plan, { options: this.options })
      return true
    }
    const { saved, incarnation, step, options, exactFrom, numerics } = readSnapshot(plan, snapshot)
    if (incarnation !== this.incarnation) return false
    this.options.set(options)
    this.#replica = await engine.open(plan, { saved })
    this.#at = { seq: snapshot.seq, id: snapshot.id, step }
    this.#exactFrom = exactFrom
    this.#notice(numerics)
    return true
  }

  /** Fold what the journal has beyond this. False when it does not follow: then this must be loaded again. */
  async catchUp(until?: Until): Promise<boolean> {
    for await (const entry of this.#workshop.store.entries(this.key, this.#at.seq)) {
      if (until !== undefined && entry.seq > until.seq) break
      if (entry.previous !== this.#at.id) return false
      const { event, numerics } = readEvent(entry, this.program.sizes)
      const { reply } = until ?? {}
      await this.fold(entry, event, numerics, entry.step === reply?.step ? reply.ask : undefined)
      this.#bytes += entry.body.length
    }
    return until === undefined || this.#at.seq >= until.seq
  }

  /** Make the state that of after an entry, which is the next one. */
  async fold(to: Position, event: Event, numerics: string, ask?: Ask): Promise<void> {
    if (event.kind === 'params') {
      const start = { options: this.options, parameters: event.params }
      this.#replica ??= await this.#workshop.engine.open(this.program.plan, start)
    } else {
      this.#change(event.changes)
    }
    if (event.kind === 'step') {
      this.#forget()
      const output = await this.#replicaOrThrow().step({
        plan: ask?.stats ? this.program.measured : this.program.plan,
        gradients: event.gradients,
        ...(event.parameters === undefined ? {} : { parameters: event.parameters }),
        ...(event.loss === undefined ? {} : { loss: event.loss }),
        options: this.options,
        ...(ask === undefined ? {} : { want: ask.want }),
      })
      if (ask !== undefined) this.#last = { step: to.step, ask, output }
    }
    this.#at = { seq: to.seq, id: to.id, step: to.step }
    this.#entries++
    this.#notice(numerics)
  }

  /**
   * Replace the journal up to here by a snapshot, if it has outgrown its budget. To be called once the next step is
   * in the journal and not yet folded: so the latest step can always be folded again, and its reply made again.
   * The state is copied before that step; it is written beside those that follow.
   */
  async snapshotIfDue(bytesToCome: number): Promise<void> {
    this.#bytes += bytesToCome
    const { budget, engine, store, warn } = this.#workshop
    const outgrown =
      this.#entries >= budget.entries || this.#bytes > Math.max(budget.bytes, budget.states * this.stateBytes)
    const due = this.started && (outgrown || this.#foreign)
    if (!due || this.#saving !== undefined) return
    const saved = await this.#replicaOrThrow().save()
    const { seq, id, step } = this.#at
    const { meta, body } = writeSnapshot(this.program.plan, saved, {
      incarnation: this.incarnation,
      step,
      numerics: engine.numerics,
      exactFrom: this.#exactFrom,
      options: [...this.options],
    })
    const covered = { entries: this.#entries, bytes: this.#bytes - bytesToCome }
    this.#saving = store
      .putSnapshot(this.key, { seq, id, incarnation: this.incarnation, meta, body })
      .then(() => {
        this.#entries -= covered.entries
        this.#bytes -= covered.bytes
        this.#foreign = false
      })
      .catch((error: unknown) =>
        warn(`The snapshot of ${this.key} after step ${step} was not written`, error),
      )
      .finally(() => {
        this.#saving = undefined
      })
  }

  /** The parameters that the server keeps, one piece a tensor. */
  async params(dtype: Dtype): Promise<readonly Uint8Array[]> {
    const kept = await this.#replicaOrThrow().save('params')
    const converter = new Converter()
    const parts: Uint8Array[] = []
    for (const piece of kept) parts.push(await converter.convert(piece, dtype))
    return parts
  }

  async close(): Promise<void> {
    await this.#saving
    this.#forget()
    this.#replica?.close()
    this.#replica = undefined
  }

  /** The latest reply is no longer kept here; who sends it holds it still. */
  #forget(): void {
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
