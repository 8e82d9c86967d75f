import type { Plan } from '../compiler/plan.ts'
import type { Change } from './journal.ts'

/** Something that happened to a session. */
export interface Happening {
  /** Number of the entry of the journal: it grows for ever, also where steps come again. */
  readonly seq: number
  /** The latest step after it. */
  readonly step: number
  readonly kind: 'params' | 'hyperparams' | 'step' | 'state'
  /** By path, where it changed any. */
  readonly hyperparams?: Readonly<Record<string, number>>
  /** The loss that the step was told. */
  readonly value?: number
  /** How many contributions the step was made of. */
  readonly workers?: number
  readonly stats?: Readonly<Record<string, number>>
}

/** As a snapshot keeps it. */
export interface Past {
  /** The first number from which nothing has been forgotten. */
  readonly begins: number
  readonly happened: readonly Happening[]
}

/** What a step tells of itself. */
export interface Told extends Pick<Happening, 'workers'> {
  readonly changes?: readonly Change[]
  readonly loss?: number
  /** Whether it was asked to be measured: then on every server. */
  readonly measure?: boolean
}

type At = Pick<Happening, 'seq' | 'step'>

/** Happenings that are kept, at most; fewer where each of them has many numbers. */
const most = { happenings: 256, numbers: 4096, least: 16 } as const

export const keptOf = ({ exposed }: Plan): number =>
  Math.max(most.least, Math.min(most.happenings, Math.floor(most.numbers / (8 + exposed.size))))

/** The latest of what happened to a session. It is folded as its state is: every server has the same. */
export class History {
  readonly #plan: Plan
  readonly #most: number
  #begins = 1
  #happened: Happening[] = []

  constructor(plan: Plan) {
    this.#plan = plan
    this.#most = keptOf(plan)
  }

  get past(): Past {
    return { begins: this.#begins, happened: [...this.#happened] }
  }

  /** Go on from a snapshot. One that holds state that was put begins with that. */
  begin({ seq, step }: At, past: Past | undefined): void {
    this.#begins = past?.begins ?? seq
    this.#happened = [...(past?.happened ?? [{ seq, step, kind: 'state' } as const])]
  }

  params({ seq, step }: At): void {
    this.#add({ seq, step, kind: 'params' })
  }

  hyperparams({ seq, step }: At, changes: readonly Change[]): void {
    this.#add({ seq, step, kind: 'hyperparams', ...this.#named(changes) })
  }

  step({ seq, step }: At, told: Told, scalars: ReadonlyMap<string, number>): void {
    const { changes = [], loss, measure = false, workers } = told
    const names = measure ? scalars.keys() : this.#plan.exposed.keys()
    this.#add({
      seq,
      step,
      kind: 'step',
      ...this.#named(changes),
      ...(loss === undefined ? {} : { value: loss }),
      ...(workers === undefined ? {} : { workers }),
      stats: Object.fromEntries([...names].map((name) => [name, scalars.get(name) ?? Number.NaN])),
    })
  }

  #named(changes: readonly Change[]): Pick<Happening, 'hyperparams'> {
    if (changes.length === 0) return {}
    const paths = [...this.#plan.options.keys()]
    return { hyperparams: Object.fromEntries(changes.map(([index, x]) => [paths[index] ?? '', x])) }
  }

  #add(happening: Happening): void {
    // A snapshot may be of somewhat later than the entry that it stands for.
    if (happening.seq <= (this.#happened.at(-1)?.seq ?? 0)) return
    this.#happened.push(happening)
    if (this.#happened.length <= this.#most) return
    this.#begins = (this.#happened.shift()?.seq ?? 0) + 1
  }
}
