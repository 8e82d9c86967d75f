import type { Target } from '../target.ts'

/** What a scenario runs against. */
export interface Stage {
  readonly target: Target
  /** In words, for the report. */
  readonly about: string
  /** Memory that Redis uses, where it is ours. */
  readonly redisBytes: () => Promise<number | undefined>
  /** What can go wrong here; nothing at an address that is not ours. */
  readonly faults: Partial<Readonly<Record<Fault, () => Promise<void>>>>
  readonly stop: () => Promise<void>
}

/**
 * `server`: SIGKILL to one of them. `master`: SIGKILL to the Redis that is written to. `restart`: SIGKILL to the server,
 * and it is started again.
 */
export type Fault = 'server' | 'master' | 'restart'
