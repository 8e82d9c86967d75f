import { counter, integer, select, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/**
 * Add gradients up and let their sum, not their mean, through every `k` steps. What stands before and after in a
 * chain still steps every time. As in Optax, a sum that is not finite once stays so.
 */
export const applyEvery = transformation({
  name: 'apply_every',
  formula: `grad_acc ← [count ≠ 0] · grad_acc + g
u = [count = k − 1] · grad_acc
count ← (count + 1) mod k`,
  reference: 'optax.apply_every',
  options: { k: integer(1, { min: 1 }) },
  state: { count: counter(), grad_acc: zeros() },
  update(g, { k }, { count, grad_acc }) {
    const t = count.add(1)
    const sum = grad_acc.mul(count.gt(0)).add(g)
    return [sum.mul(t.eq(k)), { count: select(t.lt(k), t, 0), grad_acc: sum }]
  },
})
