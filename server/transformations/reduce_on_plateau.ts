import { counter, integer, number, scalar, select } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/**
 * Scale by a number that shrinks when the loss no longer falls. The loss is averaged over `accumulation_size` steps; a
 * negative loss never counts as better where only `rtol` says by how much it must fall.
 */
export const reduceOnPlateau = transformation({
  name: 'reduce_on_plateau',
  formula: `every accumulation_size steps, of the mean loss l:
better: l < (1 − rtol) · best − atol;  best ← l;  plateau ← 0, else plateau + 1
cooling down: cooldown_count ← cooldown_count − 1, plateau ← 0
else, at plateau = patience: scale ← max(factor · scale, min_scale), plateau ← 0, cooldown_count ← cooldown
u = scale · g`,
  reference: 'optax.contrib.reduce_on_plateau',
  options: {
    factor: number(0.1),
    patience: integer(10, {}),
    rtol: number(1e-4),
    atol: number(0),
    cooldown: integer(0, {}),
    accumulation_size: integer(1, {}),
    min_scale: number(0),
  },
  refuse({ factor, rtol, atol }) {
    const [f, r, a] = [Number(factor), Number(rtol), Number(atol)]
    if (!(f > 0 && f < 1)) return `factor is ${f}, expected a number between 0 and 1`
    if (r < 0 || r > 1) return `rtol is ${r}, expected a number from 0 to 1`
    if (a < 0 || (a === 0 && r === 0)) return `rtol is ${r} and atol ${a}, expected one of them above 0`
    return undefined
  },
  state: {
    scale: scalar(1),
    best_value: scalar(Infinity),
    plateau_count: counter(),
    cooldown_count: counter(),
    count: counter(),
    avg_value: scalar(0),
  },
  update(g, options, state, { loss, expose }) {
    const { factor, patience, rtol, atol, cooldown, accumulation_size, min_scale } = options
    const n = state.count.add(1)
    const mean = state.count.mul(state.avg_value).add(loss).div(n)
    const full = n.eq(accumulation_size)
    const better = mean.lt(rtol.neg().add(1).mul(state.best_value).sub(atol))
    const waited = select(better, 0, state.plateau_count.add(1))
    const cooling = state.cooldown_count.gt(0)
    const due = waited.eq(patience)
    const shrunk = select(due, state.scale.mul(factor), state.scale).max(min_scale)
    const scale = select(full, select(cooling, state.scale, shrunk), state.scale)
    expose('scale', scale)
    const next = {
      scale,
      best_value: select(full.mul(better), mean, state.best_value),
      plateau_count: select(full, select(cooling, 0, select(due, 0, waited)), state.plateau_count),
      cooldown_count: select(
        full,
        select(cooling, state.cooldown_count.sub(1), select(due, cooldown, 0)),
        state.cooldown_count,
      ),
      count: select(full, 0, n),
      avg_value: select(full, 0, mean),
    }
    return [g.mul(scale), next]
  },
})
