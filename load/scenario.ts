import type { Bursts } from './drive/schedule.ts'
import type { Section } from './report/report.ts'
import type { Fault, Stage } from './stage/stage.ts'
import type { StageKind } from './stage/start.ts'

/** What is measured, as data. What each kind does is in kinds/. */
export type Scenario = Rates | BurstLoad | Sizes | Workers | Cold | Interrupted

interface Common {
  readonly name: string
  readonly title: string
  /** A sentence for whoever reads the report. */
  readonly about: string
  /** Of each measurement, in the standard set. */
  readonly seconds: number
  /** The same where the scenario is asked for by its name. */
  readonly alone?: number
  readonly stage: StageKind
  readonly chain: string
  readonly sessions: number
}

/** Capacity in a closed loop; then open loops at shares of it, from the least to the largest. */
export interface Rates extends Common {
  readonly kind: 'rates'
  readonly parameters: number
  readonly shares: readonly number[]
}

/** An open loop at a share of capacity; now and then many steps are due at once: so many seconds' worth of capacity. */
export interface BurstLoad extends Common {
  readonly kind: 'burst'
  readonly parameters: number
  readonly share: number
  readonly burst: { readonly every: Bursts['every']; readonly worth: number }
}

/** Closed loops over sessions of each size. */
export interface Sizes extends Common {
  readonly kind: 'sizes'
  readonly parameters: readonly number[]
}

/** Rounds of several workers: as many as there can be, then at a share of that. */
export interface Workers extends Common {
  readonly kind: 'workers'
  readonly parameters: number
  readonly workers: number
  readonly share: number
}

/** Sessions that no server has in memory: the first step of each, and the ones after it. */
export interface Cold extends Common {
  readonly kind: 'cold'
  readonly parameters: number
  /** Steps before the restart, so that there is a journal to fold. */
  readonly steps: number
}

/** An open loop at a share of capacity through the client of programs, in the middle of which something fails. */
export interface Interrupted extends Common {
  readonly kind: 'interrupted'
  readonly parameters: number
  readonly share: number
  readonly fault: Exclude<Fault, 'restart'>
}

/** What a scenario is given. */
export interface Run {
  readonly stage: Stage
  readonly seconds: number
  readonly say: (progress: string) => void
}

/** What it found: for readers, and for the budget by name. */
export interface Outcome {
  readonly section: Section
  readonly figures: Readonly<Record<string, number>>
}
