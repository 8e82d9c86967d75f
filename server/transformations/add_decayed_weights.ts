import { counter, mask, rate, type Slot } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Add the parameters, times the weight decay, where the mask says so. Needs the parameters, also for a decay of 0. */
export const addDecayedWeights = transformation({
  name: 'add_decayed_weights',
  formula: 'u = g + weight_decay(count) · p  for tensors that the mask means, else g;  count ← count + 1',
  reference: 'Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101',
  options: { weight_decay: rate(0), mask: mask(null) },
  state: ({ weight_decay, mask }, tensor): { count?: Slot } =>
    weight_decay.scheduled && mask(tensor) ? { count: counter() } : {},
  update(g, { weight_decay, mask }, { count }, { tensor, parameter }) {
    if (!mask(tensor)) return g
    const u = g.add(parameter.mul(weight_decay.at(count)))
    return [u, count === undefined ? {} : { count: count.add(1) }]
  },
})
