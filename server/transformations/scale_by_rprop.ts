import { full, number, select, startNumber, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/**
 * Steps of a size of their own for each element, that grows while the gradient keeps its sign and shrinks when the
 * sign changes. Where it changes nothing is done, and the next step keeps its size. As in Optax, what a step decides
 * is sent with the step after it: the first update is 0.
 */
export const scaleByRprop = transformation({
  name: 'scale_by_rprop',
  formula: `s = sign(g) · prev_updates
step_sizes ← clip(step_sizes · (eta_plus if s > 0, else eta_minus), min_step_size, max_step_size) where s ≠ 0
u = 0 where s < 0, else prev_updates
prev_updates ← 0 where s < 0, else step_sizes · sign(g)    step_sizes start at learning_rate`,
  reference:
    'Riedmiller and Braun, A direct adaptive method for faster backpropagation learning: the RPROP algorithm, ICNN 1993',
  options: {
    learning_rate: startNumber(),
    eta_minus: number(0.5),
    eta_plus: number(1.2),
    min_step_size: number(1e-6),
    max_step_size: number(50),
  },
  state: ({ learning_rate }) => ({ step_sizes: full(learning_rate), prev_updates: zeros() }),
  update(g, { eta_minus, eta_plus, min_step_size, max_step_size }, { step_sizes, prev_updates }) {
    // The sign of g and not g itself: a product of small numbers must not become 0.
    const s = g.sign().mul(prev_updates)
    const changed = step_sizes.mul(select(s.gt(0), eta_plus, eta_minus))
    const size = select(s.eq(0), step_sizes, changed.max(min_step_size).min(max_step_size))
    const turned = s.lt(0)
    const decided = select(turned, 0, size.mul(g.sign()))
    return [select(turned, 0, prev_updates), { step_sizes: size, prev_updates: decided }]
  },
})
