import { choice, counter, dtype, type Expr, keywordOnly, number, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { ema } from './form/moments.ts'

/** The sign of a mean of gradient and momentum, the momentum as it was before; `mode` says how sharp a sign. */
export const scaleByLion = transformation({
  name: 'scale_by_lion',
  formula: `x = b1 · mu + (1 − b1) · g
mu ← b2 · mu + (1 − b2) · g
u = sign(x)    smooth: tanh(smooth_beta · x); refined: x where |x| < 1, else sign(x)`,
  reference: 'Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675',
  options: {
    b1: number(0.9),
    b2: number(0.99),
    mu_dtype: dtype(),
    mode: keywordOnly(choice(['hard', 'smooth', 'refined'], 'hard')),
    smooth_beta: keywordOnly(number(1)),
  },
  state: ({ mu_dtype }) => ({ count: counter(), mu: zeros(mu_dtype) }),
  update(g, { b1, b2, mu_dtype, mode, smooth_beta }, { count, mu }) {
    const signs = {
      hard: (x: Expr) => x.sign(),
      smooth: (x: Expr) => x.mul(smooth_beta).tanh(),
      refined: (x: Expr) => select(x.abs().lt(1), x, x.sign()),
    }
    const u = signs[mode](ema(mu, g, b1, mu_dtype))
    return [u, { count: count.add(1), mu: ema(mu, g, b2, mu_dtype) }]
  },
})
