import {
  counter,
  mask,
  number,
  optional,
  optionalRate,
  rate,
  scalar,
  select,
  startNumber,
  zeros,
} from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer, transformation } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

const initEstimSqDist = () => optional(startNumber())

const scaleByDowg = transformation({
  name: 'scale_by_dowg',
  formula: 'η · g',
  reference: 'optax.contrib.dowg',
  options: { init_estim_sq_dist: initEstimSqDist(), eps: number(1e-4) },
  state: ({ init_estim_sq_dist, eps }) => ({
    count: counter(),
    init_params: zeros(),
    estim_sq_dist: scalar(init_estim_sq_dist ?? eps),
    weighted_sq_norm_grads: scalar(),
  }),
  update(g, { eps }, state, { parameter: p, tree, expose }) {
    const p0 = select(state.count.eq(0), p, state.init_params)
    const r2 = state.estim_sq_dist.max(tree.sum(p0.sub(p).square()))
    const v = r2.mul(tree.sum(g.square())).add(state.weighted_sq_norm_grads)
    const size = r2.div(v.sqrt().add(eps))
    expose('step_size', size)
    const next = {
      count: state.count.add(1),
      init_params: p0,
      estim_sq_dist: r2,
      weighted_sq_norm_grads: v,
    }
    return [g.mul(size), next]
  },
})

/** DoWG: as DoG, with squared distances, and gradients weighted by them. */
export const dowg = optimizer({
  name: 'dowg',
  formula: `add_decayed_weights → η · g → scale_by_learning_rate
r² ← max(r², ‖p₀ − p‖²)    init_estim_sq_dist, or eps, at first
v ← v + r² · ‖g‖²;  η = r² / (√v + eps)`,
  reference:
    'Khaled et al., DoWG Unleashed: An Efficient Universal Parameter-Free Gradient Descent Method, 2023, arXiv:2305.16284',
  options: {
    learning_rate: rate(1),
    init_estim_sq_dist: initEstimSqDist(),
    eps: number(1e-4),
    weight_decay: optionalRate(),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...distance }) => [
    ...(weight_decay === null ? [] : [addDecayedWeights({ weight_decay, mask })]),
    scaleByDowg(distance),
    scaleByLearningRate({ learning_rate }),
  ],
})
