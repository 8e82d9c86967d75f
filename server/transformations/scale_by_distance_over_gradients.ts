import { counter, dtype, number, perTensor, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'
import { norm } from './form/norms.ts'

/**
 * Layer-wise DoG: steps as long as the way from the first parameters over the root of all squared gradients so far,
 * both of one tensor. The sign is not flipped. The first parameters are those of the first step.
 */
export const scaleByDistanceOverGradients = transformation({
  name: 'scale_by_distance_over_gradients',
  formula: `max_dist ← max(max_dist, ‖p − init_params‖)    max_dist starts at reps_rel · (1 + ‖init_params‖)
grad_sum_of_squares ← grad_sum_of_squares + ‖g‖²
u = global_scale · max_dist / √(grad_sum_of_squares + eps) · g`,
  reference:
    "Ivgi et al., DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule, 2023, arXiv:2302.12022",
  options: { reps_rel: number(1e-6), eps: number(1e-8), param_dtype: dtype(), global_scale: number(1) },
  state: ({ param_dtype }) => ({
    count: counter(),
    max_dist: perTensor(),
    grad_sum_of_squares: perTensor(),
    init_params: zeros(param_dtype),
  }),
  update(g, { reps_rel, eps, param_dtype, global_scale }, state, { parameter }) {
    const first = state.count.eq(0)
    const rounded = param_dtype === 'BF16' ? parameter.bf16() : parameter
    const start = select(first, rounded, state.init_params)
    const least = select(first, reps_rel.mul(norm(parameter).add(1)), state.max_dist)
    const distance = least.max(norm(parameter.sub(start)))
    const sum = state.grad_sum_of_squares.add(g.square().sum())
    const u = g.mul(global_scale.mul(distance.div(sum.add(eps).sqrt())))
    const next = { count: state.count.add(1), max_dist: distance, init_params: start }
    return [u, { ...next, grad_sum_of_squares: sum }]
  },
})
