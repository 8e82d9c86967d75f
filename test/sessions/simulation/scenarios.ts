import type { OpenRequest } from '../../../schemas/index.ts'
import { f32 } from '../../app.ts'
import type { Scenario } from './world.ts'

const spec: OpenRequest = {
  chain: 'chain(clip(1.0), adam(0.1))',
  tensors: [{ name: 'w', shape: [3] }],
  params: f32(1, 2, 3),
}
const gradient = (worker: string, n: number) =>
  f32(...[0, 1, 2].map((i) => Math.sin(7 * n + i + worker.charCodeAt(0))))

const together = ['a', 'b', 'c'] as const

/** Undisturbed, each of these has one outcome: what is sent, not who comes first, decides. */
export const determined: readonly Scenario[] = [
  {
    name: 'one worker',
    open: spec,
    workers: ['a'],
    steps: 6,
    request: (worker, n) => ({ step: n, grads: gradient(worker, n) }),
  },
  {
    name: 'three workers',
    open: { ...spec, workers: 3 },
    workers: together,
    steps: 3,
    request: (worker, n) => ({ step: n, worker, grads: gradient(worker, n) }),
  },
]

/** Here the log alone decides what the outcome is. */
export const decidedByTheLog: readonly Scenario[] = [
  {
    name: 'a quorum of two',
    open: { ...spec, workers: 3, quorum: 2, deadline_ms: 10 },
    workers: together,
    steps: 3,
    request: (worker, n) => ({ step: n, worker, grads: gradient(worker, n) }),
  },
  {
    name: 'asynchronous',
    open: { ...spec, workers: 0 },
    workers: together,
    steps: 3,
    request: (worker, n) => ({ worker, seq: n, grads: gradient(worker, n) }),
  },
]
