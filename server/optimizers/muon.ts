import {
  choice,
  dtype,
  flag,
  integer,
  keywordOnly,
  mask,
  number,
  optional,
  optionalRate,
  preconditionings,
  rate,
  type Tensor,
} from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer } from '../transformations/form/define.ts'
import { dimensions, scaledByShape } from '../transformations/form/dimensions.ts'
import { byLabel } from '../transformations/form/labelled.ts'
import { coefficients, tooFewSteps } from '../transformations/form/newton_schulz.ts'
import { series } from '../transformations/form/series.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'
import { scaleByMuon } from '../transformations/scale_by_muon.ts'
import { adamw } from './adamw.ts'

/** Muon for matrices, and AdamW with Nesterov's momentum for all other tensors. */
export const muon = optimizer({
  name: 'muon',
  formula: `matrices: scale_by_muon → · √max(1, columns / rows) → add_decayed_weights → scale_by_learning_rate
    with consistent_rms: · √max(rows, columns) · consistent_rms
others: adamw(adam_learning_rate, adam_b1, adam_b2, eps, adam_eps_root, weight_decay=adam_weight_decay)`,
  reference:
    'Jordan et al., Muon, 2024, https://kellerjordan.github.io/posts/muon; consistent_rms: Liu et al., 2025, arXiv:2502.16982',
  options: {
    learning_rate: rate(),
    ns_coeffs: coefficients(true),
    ns_steps: integer(5, { min: 0, max: 32 }),
    beta: number(0.95),
    eps: number(1e-8),
    weight_decay: rate(0),
    weight_decay_mask: mask(null),
    mu_dtype: dtype(),
    nesterov: keywordOnly(flag(true)),
    adaptive: keywordOnly(flag(false)),
    preconditioning: keywordOnly(choice(preconditionings, 'frobenius')),
    adam_b1: keywordOnly(number(0.9)),
    adam_b2: keywordOnly(number(0.999)),
    adam_eps_root: keywordOnly(number(0)),
    adam_weight_decay: keywordOnly(rate(0)),
    adam_learning_rate: keywordOnly(optionalRate()),
    muon_weight_dimension_numbers: keywordOnly(dimensions('MuonDimensionNumbers')),
    consistent_rms: keywordOnly(optional(number())),
  },
  refuse: tooFewSteps,
  chain({ learning_rate, muon_weight_dimension_numbers: of, ...o }) {
    const matrices = series([
      scaleByMuon({ ...o, weight_dimension_numbers: of }),
      scaledByShape(of, o.consistent_rms),
      addDecayedWeights({ weight_decay: o.weight_decay, mask: o.weight_decay_mask }),
      scaleByLearningRate({ learning_rate }),
    ])
    const { eps, mu_dtype, nesterov, adam_b1: b1, adam_b2: b2, adam_eps_root: eps_root } = o
    const [rate, decay] = [o.adam_learning_rate ?? learning_rate, o.adam_weight_decay]
    const moments = { b1, b2, eps, eps_root, mu_dtype, nesterov }
    const others = adamw({ learning_rate: rate, weight_decay: decay, ...moments })
    const links = new Map([['muon', matrices] as const, ['adam', others] as const])
    const isMatrix = (tensor: Tensor) => (of === null ? tensor.rank === 2 : of(tensor) !== null)
    return [byLabel(links, (tensor) => (isMatrix(tensor) ? 'muon' : 'adam'))]
  },
})
