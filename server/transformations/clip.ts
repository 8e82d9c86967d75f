import { number } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Clip each element to [−max_delta, max_delta]. NaN stays NaN. */
export const clip = transformation({
  name: 'clip',
  formula: 'u = min(max(g, −max_delta), max_delta)',
  reference: 'optax.clip',
  options: { max_delta: number() },
  update: (g, { max_delta }) => g.max(max_delta.neg()).min(max_delta),
})
