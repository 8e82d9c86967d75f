import { counter, rate, type Slot } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Add the parameters, times the weight decay. Needs the parameters, also where the decay is 0. */
export const addDecayedWeights = transformation({
  name: 'add_decayed_weights',
  formula: 'u = g + weight_decay(count) · p;  count ← count + 1',
  reference: 'Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017, arXiv:1711.05101',
  options: { weight_decay: rate(0) },
  state: ({ weight_decay }): { count?: Slot } => (weight_decay.scheduled ? { count: counter() } : {}),
  update(g, { weight_decay }, { count }, { parameter }) {
    const u = g.add(parameter.mul(weight_decay.at(count)))
    return [u, count === undefined ? {} : { count: count.add(1) }]
  },
})
