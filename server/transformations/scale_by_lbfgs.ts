import {
  constant,
  counter,
  type Expr,
  flag,
  integer,
  type Slot,
  scalar,
  select,
  zeros,
} from '../expression/index.ts'
import { transformation } from './form/define.ts'

/** Differences that are remembered, each kept under its age: 0 is the latest. */
const ages = (memory_size: number) => Array.from({ length: memory_size }, (_, age) => age)
const named = <T>(age: number, params: T, updates: T, weight: T): [string, T][] => [
  [`diff_params_${age}`, params],
  [`diff_updates_${age}`, updates],
  [`weight_${age}`, weight],
]

/**
 * L-BFGS: gradients times an estimate of the inverse Hessian, made of the latest differences of parameters and of
 * gradients. The sign is not flipped, and nothing searches along the line.
 */
export const scaleByLbfgs = transformation({
  name: 'scale_by_lbfgs',
  formula: `count > 0: w₀ = p − params;  y₀ = g − updates;  ρ₀ = 1 / ⟨y₀, w₀⟩    0 where ⟨y₀, w₀⟩ is 0
first step: w₀ = y₀ = ρ₀ = 0;  after each step wᵢ, yᵢ, ρᵢ become wᵢ₊₁, yᵢ₊₁, ρᵢ₊₁ for i < memory_size
γ = ⟨y₀, w₀⟩ / ‖y₀‖²    1 where y₀ is 0; at the first step min(1, 1 / ‖g‖); without scale_init_precond 1
v = g;  from the latest on: αᵢ = ρᵢ · ⟨wᵢ, v⟩,  v ← v − αᵢ · yᵢ
u = γ · v;  from the oldest on: u ← u + (αᵢ − ρᵢ · ⟨yᵢ, u⟩) · wᵢ`,
  reference:
    'Liu and Nocedal, On the limited memory BFGS method for large scale optimization, Mathematical Programming 45, 1989',
  options: { memory_size: integer(10, { min: 1, max: 64 }), scale_init_precond: flag(true) },
  state: ({ memory_size }): { count: Slot; params: Slot; updates: Slot; [slot: string]: Slot } => ({
    count: counter(),
    params: zeros(),
    updates: zeros(),
    ...Object.fromEntries(ages(memory_size).flatMap((i) => named<Slot>(i, zeros(), zeros(), scalar()))),
  }),
  update(g, { memory_size, scale_init_precond }, state, { parameter: p, tree }) {
    const { count, params, updates } = state
    const later = count.gt(0)
    const w0 = select(later, p.sub(params), 0)
    const y0 = select(later, g.sub(updates), 0)
    const along = tree.sum(y0.mul(w0))
    const rho0 = select(later, select(along.eq(0), 0, constant(1).div(along)), 0)
    // One older than it was: what is at age i now was at age i − 1 before this step.
    const aged = (name: string, latest: Expr, i: number) =>
      i === 0 ? latest : (state[`${name}_${i - 1}`] as Expr)
    const memory = ages(memory_size).map((i) => ({
      i,
      w: aged('diff_params', w0, i),
      y: aged('diff_updates', y0, i),
      rho: aged('weight', rho0, i),
    }))
    const square = tree.sum(y0.square())
    const first = constant(1).div(tree.norm(g)).min(1)
    const gamma = select(later, select(square.gt(0), along.div(square), 1), first)
    let v = g
    const alphas = memory.map(({ w, y, rho }) => {
      const alpha = rho.mul(tree.sum(w.mul(v)))
      v = v.sub(y.mul(alpha))
      return alpha
    })
    let u = scale_init_precond ? v.mul(gamma) : v
    for (const { i, w, y, rho } of memory.toReversed()) {
      const beta = rho.mul(tree.sum(y.mul(u)))
      u = u.add(w.mul((alphas[i] as Expr).sub(beta)))
    }
    const remembered = memory.flatMap(({ i, w, y, rho }) => named(i, w, y, rho))
    return [u, { ...Object.fromEntries(remembered), count: count.add(1), params: p, updates: g }]
  },
})
