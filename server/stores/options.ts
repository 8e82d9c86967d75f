export interface StoreOptions {
  /** Milliseconds since the epoch, for stores that have no clock of their own; `Date.now` by default. */
  readonly now?: () => number
  /** How many replicas must have a write before it is acknowledged; 0 by default. For stores that have replicas. */
  readonly replicas?: number
  /** Told what is worth knowing and no reason to stop. */
  readonly warn?: (message: string) => void
}
