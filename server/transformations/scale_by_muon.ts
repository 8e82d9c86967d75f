import {
  choice,
  counter,
  dtype,
  flag,
  integer,
  keywordOnly,
  number,
  preconditionings,
  routine,
  zeros,
} from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { dimensions, matrixOf } from './form/dimensions.ts'
import { ema, unbias } from './form/moments.ts'
import { coefficients, tooFewSteps } from './form/newton_schulz.ts'

/** Momentum made nearly orthogonal: all its singular values become about 1. */
export const scaleByMuon = transformation({
  name: 'scale_by_muon',
  formula: `t = count + 1
m = beta · mu + (1 − beta) · g
m̂ = m / (1 − betaᵗ)    with nesterov: beta · m / (1 − betaᵗ⁺¹) + (1 − beta) · g / (1 − betaᵗ)
X = m̂ / (‖m̂‖ + eps);  ns_steps times X ← a·X + (b·A + c·A²)·X with A = X·Xᵀ
u = X    adaptive: ⟨m̂, X⟩ · X`,
  reference:
    'Jordan et al., Muon, 2024, https://kellerjordan.github.io/posts/muon; adaptive: Bernstein and Newhouse, 2024, arXiv:2409.20325; aol: arXiv:2512.04632; schatten: arXiv:2506.10935',
  options: {
    ns_coeffs: coefficients(false),
    ns_steps: integer(5, { min: 0, max: 32 }),
    beta: number(0.95),
    eps: number(1e-8),
    mu_dtype: dtype(),
    nesterov: keywordOnly(flag(true)),
    adaptive: keywordOnly(flag(false)),
    preconditioning: keywordOnly(choice(preconditionings, 'frobenius')),
    weight_dimension_numbers: keywordOnly(dimensions('MuonDimensionNumbers')),
  },
  refuse: tooFewSteps,
  state: ({ mu_dtype }) => ({ count: counter(), mu: zeros(mu_dtype) }),
  update(g, { ns_coeffs, ns_steps, beta, eps, mu_dtype, ...how }, { count, mu }, { tensor }) {
    const t = count.add(1)
    const m = ema(mu, g, beta, mu_dtype)
    const mHat = how.nesterov ? ema(unbias(m, beta, t.add(1)), unbias(g, beta, t), beta) : unbias(m, beta, t)
    const what = {
      name: 'newton_schulz',
      ...matrixOf(how.weight_dimension_numbers, tensor),
      steps: ns_coeffs.steps ?? ns_steps,
      preconditioning: how.preconditioning,
    } as const
    const x = routine(what, [mHat, eps, ...ns_coeffs.numbers], tensor)
    return [how.adaptive ? x.mul(mHat.mul(x).sum()) : x, { count: t, mu: m }]
  },
})
