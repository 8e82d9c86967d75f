import { dtype, flag, keywordOnly, number, optionalNumber } from '../expression/index.ts'
import { optimizer } from '../transformations/form/define.ts'
import { scale } from '../transformations/scale.ts'
import { scaleByAdam } from '../transformations/scale_by_adam.ts'
import { scaleByOptimisticGradient } from '../transformations/scale_by_optimistic_gradient.ts'

/** Optimistic Adam of a fixed learning rate; `optimistic_adam_v2` also takes schedules. */
export const optimisticAdam = optimizer({
  name: 'optimistic_adam',
  formula: `scale_by_adam → scale_by_optimistic_gradient(learning_rate, optimism) → scale(−1)
optimism is learning_rate where it is None`,
  reference: 'Daskalakis et al., Training GANs with Optimism, 2017, arXiv:1711.00141',
  options: {
    learning_rate: number(),
    optimism: optionalNumber(),
    b1: number(0.9),
    b2: number(0.999),
    eps: number(1e-8),
    eps_root: number(0),
    mu_dtype: dtype(),
    nesterov: keywordOnly(flag(true)),
  },
  chain: ({ learning_rate, optimism, ...moments }) => [
    scaleByAdam(moments),
    scaleByOptimisticGradient({ alpha: learning_rate, beta: optimism ?? learning_rate }),
    scale({ step_size: -1 }),
  ],
})
