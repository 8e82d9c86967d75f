import { decidedByTheLog, determined } from '../sessions/simulation/scenarios.ts'
import type { Scenario } from '../sessions/simulation/world.ts'

/** Those of the simulation, over sockets. Whether they end, and when, is not theirs to say here. */
export type Course = Omit<Scenario, 'steps'> & {
  /** Up to how many milliseconds a worker thinks between two requests. */
  readonly pause: number
}

const size = 80_000
const bytes = (value: (i: number) => number) =>
  new Uint8Array(Float32Array.from({ length: size }, (_, i) => value(i)).buffer)

/** Its bodies are sent ahead of the calls that take them, and its journal gives way to snapshots all the time. */
const large: Course = {
  name: 'large',
  open: {
    chain: 'chain(clip(1.0), adam(0.1))',
    tensors: [{ name: 'w', shape: [400, 200] }],
    params: bytes(Math.cos),
  },
  workers: ['a'],
  request: (_, step) => ({ step, grads: bytes((i) => Math.sin(7 * step + i)) }),
  pause: 600,
}

/** Undisturbed, each of these has one outcome. */
export const synchronous: readonly Course[] = [...determined.map((one) => ({ ...one, pause: 60 })), large]

/** Here the log decides; and the age of a contribution, which the log alone knows, is its weight. */
export const decided: readonly Course[] = decidedByTheLog.map((one) => ({
  ...one,
  open: one.open.workers === 0 ? { ...one.open, staleness: 'inverse' } : one.open,
  pause: 60,
}))
