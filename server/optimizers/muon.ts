import {
  choice,
  dtype,
  type Expr,
  flag,
  integer,
  keywordOnly,
  leaf,
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
import { type DimensionsOf, dimensions, matrixOf } from '../transformations/form/dimensions.ts'
import { byLabel } from '../transformations/form/labelled.ts'
import type { Link } from '../transformations/form/link.ts'
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
    muon_weight_dimension_numbers: keywordOnly(dimensions()),
    consistent_rms: keywordOnly(optional(number())),
  },
  refuse: tooFewSteps,
  chain(options) {
    const { learning_rate, weight_decay, mu_dtype, nesterov, eps } = options
    const of = options.muon_weight_dimension_numbers
    const matrices = series([
      scaleByMuon({ ...options, weight_dimension_numbers: of }),
      scaleByShape(of, options.consistent_rms),
      addDecayedWeights({ weight_decay, mask: options.weight_decay_mask }),
      scaleByLearningRate({ learning_rate }),
    ])
    const others = adamw({
      learning_rate: options.adam_learning_rate ?? learning_rate,
      b1: options.adam_b1,
      b2: options.adam_b2,
      eps,
      eps_root: options.adam_eps_root,
      mu_dtype,
      weight_decay: options.adam_weight_decay,
      nesterov,
    })
    const label = (tensor: Tensor) =>
      (of === null ? tensor.rank === 2 : of(tensor) !== null) ? 'muon' : 'adam'
    return [
      byLabel(
        new Map([
          ['muon', matrices],
          ['adam', others],
        ]),
        label,
      ),
    ]
  },
})

/** By how long rows and columns are. */
const scaleByShape = (of: DimensionsOf | null, consistentRms: Expr | null): Link => ({
  slots: () => ({}),
  update(g, _state, { tensor }) {
    const { rows, columns } = matrixOf(of, tensor)
    const [fanIn, fanOut] = [rows, columns].map((axes) =>
      leaf({ op: 'count', axes }, 'tensor', tensor.rank),
    ) as [Expr, Expr]
    const width = fanOut.div(fanIn).max(1).sqrt()
    return [g.mul(consistentRms === null ? width : fanIn.max(fanOut).sqrt().mul(consistentRms)), {}]
  },
})
