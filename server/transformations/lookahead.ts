import { counter, flag, integer, number, select, zeros } from '../expression/index.ts'
import { held } from './form/holding.ts'
import { since } from './form/periods.ts'
import { blended } from './form/states.ts'
import { wrapper } from './form/wrapper.ts'

/**
 * Every few steps of a fast optimizer, go a part of the way from the slow parameters to the fast ones, and go on from
 * there. Optax hands both to the client as a pair; here parameters and updates are the fast ones, and the slow ones
 * are state, the slot `slow`: they start as the parameters of the first step, and are those to evaluate with.
 */
export const lookahead = wrapper({
  name: 'lookahead',
  formula: `sync = 1 at every sync_period-th step, else 0
v = fast_optimizer(g);  d = p + v − slow
u = v − sync · (1 − slow_step_size) · d
slow ← slow + sync · slow_step_size · d
with reset_state the fast optimizer starts again after each sync`,
  reference: 'Zhang et al., Lookahead Optimizer: k steps forward, 1 step back, 2019, arXiv:1907.08610',
  options: {
    fast_optimizer: held(),
    sync_period: integer(undefined, { min: 1 }),
    slow_step_size: number(),
    reset_state: flag(false),
  },
  holds: ({ fast_optimizer }) => ({ inner: fast_optimizer }),
  state: { count: counter(), slow: zeros() },
  update(g, options, { count, slow: before }, { inner }, { parameter: p, evaluate }) {
    const { sync_period, slow_step_size, reset_state } = options
    const slow = select(count.eq(0), p, before)
    const sync = since(count, sync_period).eq(sync_period - 1)
    const [v, after] = inner.update(g)
    const d = p.add(v).sub(slow)
    evaluate(slow)
    const u = v.sub(d.mul(sync.mul(slow_step_size.neg().add(1))))
    return [
      u,
      { count: count.add(1), slow: slow.add(d.mul(slow_step_size.mul(sync))) },
      { inner: reset_state ? blended(sync, inner.fresh(), after) : after },
    ]
  },
})
