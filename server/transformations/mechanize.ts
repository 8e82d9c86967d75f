import {
  constant,
  counter,
  type Expr,
  integer,
  number,
  type Slot,
  scalar,
  select,
  zeros,
} from '../expression/index.ts'
import { held } from './form/holding.ts'
import { wrapper } from './form/wrapper.ts'

const range = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

/**
 * Learn the scale of the base optimizer's updates, by several betting schemes at once. Parameters are always the
 * first ones plus the learned scale times all updates so far.
 */
export const mechanize = wrapper({
  name: 'mechanize',
  formula: `βᵢ = 1 − 0.1ⁱ  for i = 1 … num_betas;  S = Σ sᵢ
Δ = (x0 − p) / (S + eps);  Δ′ = Δ − base_optimizer(g)
h = ⟨g + weight_decay · S · ‖g‖ / (‖p‖ + eps) · p, Δ⟩
rᵢ ← βᵢ · rᵢ + clip(h, −mᵢ, mᵢ) · sᵢ
mᵢ ← max(βᵢ · mᵢ, |h| + eps);  vᵢ ← βᵢ² · vᵢ + h²
sᵢ ← (s_init / num_betas · mᵢ + max(0, rᵢ)) / (√vᵢ + eps)
u = x0 − Σ sᵢ · Δ′ − p`,
  reference: 'Cutkosky et al., Mechanic: A Learning Rate Tuner, 2023, arXiv:2306.00144',
  options: {
    base_optimizer: held(),
    weight_decay: number(1e-2),
    eps: number(1e-8),
    s_init: number(1e-6),
    num_betas: integer(6, { min: 1, max: 15 }),
  },
  holds: ({ base_optimizer }) => ({ inner: base_optimizer }),
  state: ({ s_init, num_betas }): { count: Slot; x0: Slot; [slot: string]: Slot } => {
    const each = range(num_betas).flatMap((i): [string, Slot][] => [
      [`r${i}`, scalar()],
      [`m${i}`, scalar()],
      [`v${i}`, scalar()],
      [`s${i}`, scalar(s_init)],
    ])
    return { count: counter(), x0: zeros(), ...Object.fromEntries(each) }
  },
  update(g, { weight_decay, eps, s_init, num_betas }, state, { inner }, { parameter: p, tree, expose }) {
    const scalarOf = (name: string) => state[name] ?? constant(0)
    const sum = (values: readonly Expr[]) => values.reduce((a, b) => a.add(b))
    const total = sum(range(num_betas).map((i) => scalarOf(`s${i}`)))
    const [v, after] = inner.update(g)
    const x0 = select(state.count.eq(0), p, state.x0)
    const decay = weight_decay.mul(total).mul(tree.norm(g)).div(tree.norm(p).add(eps))
    const delta = x0.sub(p).div(total.add(eps))
    const h = tree.sum(g.add(p.mul(decay)).mul(delta))
    const next: Record<string, Expr> = {}
    const scales = range(num_betas).map((i) => {
      const beta = constant(1).sub(constant(0.1).powi(i))
      const [r, m, squares, s] = ['r', 'm', 'v', 's'].map((name) => scalarOf(`${name}${i}`)) as [
        Expr,
        Expr,
        Expr,
        Expr,
      ]
      const reward = r.mul(beta).add(h.max(m.neg()).min(m).mul(s))
      const largest = m.mul(beta).max(h.abs().add(eps))
      const variance = squares.mul(beta.square()).add(h.square())
      const wealth = s_init.div(num_betas).mul(largest).add(reward.max(0))
      const scale = wealth.div(variance.sqrt().add(eps))
      Object.assign(next, { [`r${i}`]: reward, [`m${i}`]: largest, [`v${i}`]: variance, [`s${i}`]: scale })
      return scale
    })
    const learned = sum(scales)
    expose('learned_scale', learned)
    const u = x0.sub(delta.sub(v).mul(learned)).sub(p)
    return [u, { ...next, count: state.count.add(1), x0 }, { inner: after }]
  },
})
