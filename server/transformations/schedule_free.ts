import { counter, dtype, type Expr, number, rate, scalar, select, zeros } from '../expression/index.ts'
import { held } from './form/holding.ts'
import { decay } from './form/moments.ts'
import { wrapper } from './form/wrapper.ts'

/**
 * No schedule: averages in place of a decaying learning rate. The base optimizer, without momentum, moves z; the
 * average x of all z is what to evaluate with; the parameters y, where gradients are taken, lie between the two. x is
 * not kept: it is (y − (1 − b1) · z) / b1. A learning rate that warms up sees a count that starts at 1, as in Optax.
 */
export const scheduleFree = wrapper({
  name: 'schedule_free',
  formula: `max_lr ← max(max_lr, learning_rate(step_count));  step_count ← step_count + 1
c = max_lr^weight_lr_power / Σ max_lr^weight_lr_power    0 where the sum is 0
x = (y − (1 − b1) · z) / b1
z ← z + base_optimizer(g)
x ← (1 − c) · x + c · z
u = b1 · x + (1 − b1) · z − y`,
  reference: 'Defazio et al., The Road Less Scheduled, 2024, arXiv:2405.15682',
  options: {
    base_optimizer: held(),
    learning_rate: rate(),
    b1: number(0.9),
    weight_lr_power: number(2),
    state_dtype: dtype(),
  },
  holds: ({ base_optimizer }) => ({ inner: base_optimizer }),
  state: ({ state_dtype }) => ({
    weight_sum: scalar(),
    step_count: { ...counter(), init: 1 },
    max_lr: scalar(),
    z: zeros(state_dtype),
  }),
  update(g, { learning_rate, b1, weight_lr_power, state_dtype }, state, { inner }, context) {
    const { parameter: y, expose, evaluate } = context
    const { step_count, weight_sum } = state
    const round = (z: Expr) => (state_dtype === 'BF16' ? z.bf16() : z)
    const part = (z: Expr) => decay(z, b1.neg().add(1), state_dtype)
    const max_lr = state.max_lr.max(learning_rate.at(step_count))
    const weight = max_lr.pow(weight_lr_power)
    const sum = weight_sum.add(weight)
    const share = weight.div(sum)
    const c = select(share.eq(share), share, select(sum.eq(sum), 0, sum))
    expose('averaging_weight', c)
    const z0 = select(step_count.eq(1), round(y), state.z)
    const [v, after] = inner.update(g)
    const z = round(z0.add(v))
    evaluate(select(step_count.eq(1), y, y.sub(state.z.mul(b1.neg().add(1))).div(b1)))
    // The formula's u without its x, whose y would be subtracted again: a step is far smaller than a parameter.
    const moved = state_dtype === 'BF16' ? part(z).sub(part(z0)) : v.mul(b1.neg().add(1))
    const apart = state_dtype === 'BF16' ? z.mul(b1).add(part(z0)).sub(y) : z0.sub(y).add(v.mul(b1))
    const u = apart.mul(c).add(moved)
    return [u, { weight_sum: sum, step_count: step_count.add(1), max_lr, z }, { inner: after }]
  },
})
