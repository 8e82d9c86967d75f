import {
  choice,
  constant,
  counter,
  mask,
  number,
  optionalRate,
  pair,
  rate,
  scalar,
  select,
  startNumber,
  zeros,
} from '../expression/index.ts'
import { addDecayedWeights } from '../transformations/add_decayed_weights.ts'
import { optimizer, transformation } from '../transformations/form/define.ts'
import { scaleByLearningRate } from '../transformations/scale_by_learning_rate.ts'

/** How the first step is chosen: r₀ itself, r₀ = value · (1 + ‖p₀‖), or the size of the step. */
const initStep = () =>
  pair(choice(['distance', 'learning_rate', 'heuristic']), startNumber(1e-6), ['heuristic', 1e-6])

const scaleByDog = transformation({
  name: 'scale_by_dog',
  formula: 'η · g',
  reference: 'optax.contrib.dog',
  options: { init_step: initStep(), eps: number(1e-8) },
  state: { count: counter(), init_params: zeros(), max_dist: scalar(), sum_sq_norm_grads: scalar() },
  update(g, { init_step: [kind, value], eps }, state, { parameter: p, tree, expose }) {
    const first = state.count.eq(0)
    const p0 = select(first, p, state.init_params)
    const heuristic = () => tree.norm(p).add(1).mul(value)
    const r0 = { distance: () => value, heuristic, learning_rate: () => constant(0) }[kind]()
    const r = tree.norm(p0.sub(p)).max(select(first, r0, state.max_dist))
    const G = state.sum_sq_norm_grads.add(tree.sum(g.square()))
    const size = r.div(G.add(eps).sqrt())
    const step = kind === 'learning_rate' ? select(first, value, size) : size
    expose('step_size', step)
    const next = { count: state.count.add(1), init_params: p0, max_dist: r, sum_sq_norm_grads: G }
    return [g.mul(step), next]
  },
})

/** DoG: the step size is how far the parameters have come, over the root of all squared gradients so far. */
export const dog = optimizer({
  name: 'dog',
  formula: `add_decayed_weights → η · g → scale_by_learning_rate
η = max ‖p₀ − p‖ / √(Σ ‖g‖² + eps), both over all steps so far; init_step says what it is at first`,
  reference:
    "Ivgi et al., DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule, 2023, arXiv:2302.12022",
  options: {
    learning_rate: rate(1),
    init_step: initStep(),
    eps: number(1e-8),
    weight_decay: optionalRate(),
    mask: mask(null),
  },
  chain: ({ learning_rate, weight_decay, mask, ...distance }) => [
    ...(weight_decay === null ? [] : [addDecayedWeights({ weight_decay, mask })]),
    scaleByDog(distance),
    scaleByLearningRate({ learning_rate }),
  ],
})
