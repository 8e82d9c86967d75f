import { applyUpdates, type Session } from '../../index.ts'
import { batchOf, type Digits, shuffled } from './data.ts'
import { lossAndGrads } from './model.ts'
import type { Progress } from './progress.ts'
import type { Reference } from './reference.ts'
import { smoother } from './smooth.ts'

export interface Training {
  readonly session: Session
  /** Changed in place. */
  readonly params: Float32Array
  /** Gets every gradient too, when it is to be compared with. */
  readonly reference: Reference | undefined
  readonly digits: Digits
  readonly epochs: number
  readonly batch: number
  readonly random: () => number
  readonly progress: Pick<Progress, 'show'>
  readonly signal: AbortSignal
}

export interface Trained {
  readonly losses: readonly number[]
  /** Seconds spent on gradients, on the service's steps and on the reference's. */
  readonly seconds: { readonly gradients: number; readonly service: number; readonly reference: number }
}

/** One service step a batch: gradients at the parameters that the service's updates made. */
export async function train(training: Training): Promise<Trained> {
  const { session, params, reference, digits, epochs, batch, random, progress, signal } = training
  const grads = new Float32Array(params.length)
  const losses: number[] = []
  const steps = epochs * Math.ceil(digits.count / batch)
  const smoothed = smoother()
  const { needs } = session.info
  let [gradients, service, compared] = [0, 0, 0]

  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    const places = shuffled(digits.count, random)
    for (let start = 0; start < digits.count; start += batch) {
      const t0 = performance.now()
      const loss = lossAndGrads(params, batchOf(digits, places.subarray(start, start + batch)), grads)
      const t1 = performance.now()
      const extras = { ...(needs.params && { params }), ...(needs.value && { value: loss }) }
      const { updates } = await session.step(grads, { ...extras, signal })
      applyUpdates(params, updates)
      const t2 = performance.now()
      reference?.step(grads)
      gradients += t1 - t0
      service += t2 - t1
      compared += performance.now() - t2
      losses.push(loss)
      progress.show({ epoch, epochs, step: losses.length, steps, loss, smoothed: smoothed(loss) })
    }
  }
  return {
    losses,
    seconds: { gradients: gradients / 1000, service: service / 1000, reference: compared / 1000 },
  }
}
