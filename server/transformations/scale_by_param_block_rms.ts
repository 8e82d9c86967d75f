import { number } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { rms } from './form/norms.ts'

/** Scale each tensor's gradient by the root mean square of its parameters. */
export const scaleByParamBlockRms = transformation({
  name: 'scale_by_param_block_rms',
  formula: 'u = max(√mean(p²), min_scale) · g',
  reference:
    'Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235',
  options: { min_scale: number(1e-3) },
  update: (g, { min_scale }, _state, { parameter }) => g.mul(rms(parameter).max(min_scale)),
})
