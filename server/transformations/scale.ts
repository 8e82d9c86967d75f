import { number } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Multiply by a number. */
export const scale = transformation({
  name: 'scale',
  formula: 'u = step_size · g',
  reference: 'optax.scale',
  options: { step_size: number() },
  update: (g, { step_size }) => g.mul(step_size),
})
