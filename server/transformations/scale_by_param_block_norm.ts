import { number } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { norm } from './form/norms.ts'

/** Scale each tensor's gradient by the norm of its parameters. */
export const scaleByParamBlockNorm = transformation({
  name: 'scale_by_param_block_norm',
  formula: 'u = max(‖p‖, min_scale) · g',
  reference: 'optax.scale_by_param_block_norm',
  options: { min_scale: number(1e-3) },
  update: (g, { min_scale }, _state, { parameter }) => g.mul(norm(parameter).max(min_scale)),
})
