import { number } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { rms } from './form/norms.ts'

/** Scale each tensor's gradient so that its root mean square is at most `threshold`. */
export const clipByBlockRms = transformation({
  name: 'clip_by_block_rms',
  formula: 'u = g / max(1, √mean(g²) / threshold)',
  reference:
    'Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235',
  options: { threshold: number() },
  update: (g, { threshold }) => g.div(rms(g).div(threshold).max(1)),
})
