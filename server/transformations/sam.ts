import { counter, flag, integer, select, zeros } from '../expression/index.ts'
import { held } from './form/holding.ts'
import { since } from './form/periods.ts'
import { blend, blended } from './form/states.ts'
import { wrapper } from './form/wrapper.ts'

/**
 * Sharpness-aware minimization in Optax's transparent form: `sync_period − 1` steps of the adversarial optimizer, up
 * the gradient, and then one of the optimizer, from where the first of them began, with the gradient at the last.
 * The opaque form needs gradients within a step, which only the client can compute.
 */
export const sam = wrapper({
  name: 'sam',
  formula: `first, last = 1 at the first, at the last of every sync_period steps, else 0
v = optimizer(g) at the parameters cache;  a = adv_optimizer(g)
u = last · (cache − p + v) − (1 − last) · a
cache ← first · p + (1 − first) · cache
the optimizer's state is kept at last; the other's starts again then or, without reset_state, stays`,
  reference:
    'Foret et al., Sharpness-Aware Minimization for Efficiently Improving Generalization, 2020, arXiv:2010.01412',
  options: {
    optimizer: held('optimizer'),
    adv_optimizer: held('adv_optimizer'),
    sync_period: integer(2, { min: 1 }),
    reset_state: flag(true),
    opaque_mode: flag(false),
  },
  refuse: ({ opaque_mode }) =>
    opaque_mode
      ? 'opaque_mode computes gradients within a step, and only the client can; leave it out, and send the gradient at each of the parameters that the steps answer with'
      : undefined,
  holds: ({ optimizer, adv_optimizer }) => ({ optimizer, adv_optimizer }),
  state: { count: counter(), cache: zeros() },
  update(g, { sync_period, reset_state }, { count, cache: before }, held, context) {
    const { optimizer, adv_optimizer } = held
    const { parameter: p, evaluate } = context
    const cache = select(count.eq(0), p, before)
    const step = since(count, sync_period)
    const [first, last] = [step.eq(0), step.eq(sync_period - 1)]
    const [a, advanced] = adv_optimizer.update(g)
    const [v, optimized] = optimizer.update(g, cache)
    evaluate(select(first, p, cache))
    return [
      blend(last, cache.sub(p).add(v), a.neg()),
      { count: count.add(1), cache: blend(first, p, cache) },
      {
        optimizer: blended(last, optimized, optimizer.before),
        adv_optimizer: blended(last, reset_state ? adv_optimizer.fresh() : adv_optimizer.before, advanced),
      },
    ]
  },
})
