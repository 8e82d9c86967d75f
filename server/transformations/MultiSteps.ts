import { counter, dtype, flag, optional, rate, select, zeros } from '../expression/index.ts'
import { asked } from './form/condition.ts'
import { held } from './form/holding.ts'
import { kept } from './form/states.ts'
import { wrapper } from './form/wrapper.ts'

/**
 * Accumulate gradients over k steps, then take one of the inner transformation with their mean, or sum. At the other
 * steps updates are 0 and the inner state stays. k may change with the steps taken: a schedule is rounded down. What
 * is not finite stays in the accumulator, as in Optax: `should_skip_update_fn=skip_not_finite()` keeps it out.
 */
export const MultiSteps = wrapper({
  name: 'MultiSteps',
  formula: `k = ⌊every_k_schedule(gradient_step)⌋;  emit = mini_step + 1 ≥ k
acc = acc_grads + (g − acc_grads) / (mini_step + 1)    or, without use_grad_mean, acc_grads + g
u = emit · inner(acc);  acc_grads ← (1 − emit) · acc;  the inner state stays unless emit
where should_skip_update_fn holds: u = 0, and all state stays`,
  reference: 'optax.MultiSteps',
  options: {
    opt: held(),
    every_k_schedule: rate(),
    use_grad_mean: flag(true),
    should_skip_update_fn: optional(asked('skip_not_finite()')),
    accumulator_dtype: dtype(),
  },
  refuse: ({ every_k_schedule: k }) =>
    typeof k !== 'number' || (Number.isInteger(k) && k >= 1)
      ? undefined
      : `every_k_schedule is ${k}, expected a whole number of steps, at least 1, or a schedule`,
  holds: ({ opt }) => ({ inner: opt }),
  state: ({ accumulator_dtype }) => ({
    mini_step: counter(),
    gradient_step: counter(),
    acc_grads: zeros(accumulator_dtype),
  }),
  update(g, { every_k_schedule, use_grad_mean, should_skip_update_fn }, state, { inner }, context) {
    const { mini_step, gradient_step, acc_grads } = state
    const n = mini_step.add(1)
    const acc = use_grad_mean ? acc_grads.add(g.sub(acc_grads).div(n)) : acc_grads.add(g)
    const [made, after] = inner.update(acc)
    const emit = n.ge(every_k_schedule.at(gradient_step).floor())
    const rest = emit.neg().add(1)
    const u = made.mul(emit)
    const own = { mini_step: n.mul(rest), gradient_step: gradient_step.add(emit), acc_grads: acc.mul(rest) }
    const next = kept(emit, after, inner.before)
    if (should_skip_update_fn === null) return [u, own, { inner: next }]
    const skip = should_skip_update_fn({ count: gradient_step, g, context })
    const stay = <T extends typeof own>(a: T, b: T) => kept(skip, b, a) as T
    return [select(skip, 0, u), stay(own, state), { inner: kept(skip, inner.before, next) }]
  },
})
