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

/** What a step tells in numbers: seq, step, how many workers (0 where nobody said), whether there is a loss, and it. */
const columns = 5

/**
 * The latest of what happened to a session. It is folded as its state is: every server has the same. In a ring, and most
 * steps as numbers: objects that live for some hundreds of steps are what the garbage collector would copy most.
 */
export class History {
  readonly #plan: Plan
  readonly #most: number
  readonly #names: readonly string[]
  readonly #width: number
  #begins = 1
  /** How much happened so far, of which the latest is kept. */
  #count = 0
  #latest = 0
  /** Nothing where it is a step that numbers tell all of. */
  readonly #told: (Happening | undefined)[] = []
  #numbers = new Float64Array()

  constructor(plan: Plan) {
    this.#plan = plan
    this.#most = keptOf(plan)
    this.#names = [...plan.exposed.keys()]
    this.#width = columns + this.#names.length
  }

  get past(): Past {
    const happened: Happening[] = []
    for (let k = Math.max(0, this.#count - this.#most); k < this.#count; k++)
      happened.push(this.#happening(k))
    return { begins: this.#begins, happened }
  }

  /** Go on from a snapshot. One that holds state that was put begins with that. */
  begin({ seq, step }: At, past: Past | undefined): void {
    this.#count = 0
    this.#latest = 0
    this.#begins = past?.begins ?? seq
    for (const each of past?.happened ?? [{ seq, step, kind: 'state' } as const]) this.#add(each)
  }

  params({ seq, step }: At): void {
    this.#add({ seq, step, kind: 'params' })
  }

  hyperparams({ seq, step }: At, changes: readonly Change[]): void {
    this.#add({ seq, step, kind: 'hyperparams', ...this.#named(changes) })
  }

  step({ seq, step }: At, told: Told, scalars: ReadonlyMap<string, number>): void {
    const { changes = [], loss, measure = false, workers } = told
    if (changes.length === 0 && !measure) {
      this.#plain(seq, step, told, scalars)
      return
    }
    const names = measure ? [...scalars.keys()] : this.#names
    this.#add({
      seq,
      step,
      kind: 'step',
      ...this.#named(changes),
      ...(loss === undefined ? {} : { value: loss }),
      ...(workers === undefined ? {} : { workers }),
      stats: Object.fromEntries(names.map((name) => [name, scalars.get(name) ?? Number.NaN])),
    })
  }

  #named(changes: readonly Change[]): Pick<Happening, 'hyperparams'> {
    if (changes.length === 0) return {}
    const paths = [...this.#plan.options.keys()]
    return { hyperparams: Object.fromEntries(changes.map(([index, x]) => [paths[index] ?? '', x])) }
  }

  #add(happening: Happening): void {
    const place = this.#placeFor(happening.seq)
    if (place !== undefined) this.#told[place] = happening
  }

  /** A step of which numbers tell all. */
  #plain(seq: number, step: number, { loss, workers = 0 }: Told, scalars: ReadonlyMap<string, number>): void {
    const place = this.#placeFor(seq)
    if (place === undefined) return
    this.#told[place] = undefined
    let at = place * this.#width
    if (at >= this.#numbers.length) this.#grow(place)
    const numbers = this.#numbers
    numbers[at++] = seq
    numbers[at++] = step
    numbers[at++] = workers
    numbers[at++] = loss === undefined ? 0 : 1
    numbers[at++] = loss ?? 0
    for (let k = 0; k < this.#names.length; k++)
      numbers[at++] = scalars.get(this.#names[k] ?? '') ?? Number.NaN
  }

  /** Where the next one goes, in place of the oldest once there are many; nowhere where it is known. */
  #placeFor(seq: number): number | undefined {
    // A snapshot may be of somewhat later than the entry that it stands for.
    if (seq <= this.#latest) return undefined
    this.#latest = seq
    const place = this.#count++ % this.#most
    if (this.#count > this.#most)
      this.#begins = (this.#told[place]?.seq ?? this.#numbers[place * this.#width] ?? 0) + 1
    return place
  }

  #grow(place: number): void {
    const rows = Math.min(this.#most, Math.max(most.least, 2 * (place + 1)))
    const larger = new Float64Array(rows * this.#width)
    larger.set(this.#numbers)
    this.#numbers = larger
  }

  /** The one of a number, counted from the first ever. */
  #happening(count: number): Happening {
    const place = count % this.#most
    const told = this.#told[place]
    if (told !== undefined) return told
    const [seq = 0, step = 0, workers = 0, hasLoss = 0, loss = 0, ...stats] = this.#numbers.subarray(
      place * this.#width,
      (place + 1) * this.#width,
    )
    return {
      seq,
      step,
      kind: 'step',
      ...(hasLoss === 0 ? {} : { value: loss }),
      ...(workers === 0 ? {} : { workers }),
      stats: Object.fromEntries(this.#names.map((name, k) => [name, stats[k] ?? Number.NaN])),
    }
  }
}
