import { counter, full, number, select, startNumber, zeros } from '../expression/index.ts'
import { transformation } from './form/define.ts'

/**
 * Continuous coin betting, one coin a parameter: no learning rate. What it makes of the gradient is an update already,
 * with its sign.
 */
export const scaleByCocob = transformation({
  name: 'scale_by_cocob',
  formula: `L ← max(L, |g|);  G ← G + |g|;  R ← max(R − g · (p − p₀), 0);  C ← C − g
u = p₀ − p + C / (L · max(G + L, alpha · L)) · (L + R)    L = eps at first`,
  reference:
    'Orabona and Tommasi, Training Deep Networks without Learning Rates Through Coin Betting, 2017, arXiv:1705.07795',
  options: { alpha: number(100), eps: startNumber(1e-8) },
  state: ({ eps }) => ({
    count: counter(),
    init_particles: zeros(),
    cumulative_gradients: zeros(),
    scale: full(eps),
    subgradients: zeros(),
    reward: zeros(),
  }),
  update(g, { alpha }, state, { parameter: p }) {
    const p0 = select(state.count.eq(0), p, state.init_particles)
    const L = state.scale.max(g.abs())
    const G = state.subgradients.add(g.abs())
    const R = state.reward.sub(g.mul(p.sub(p0))).max(0)
    const C = state.cumulative_gradients.sub(g)
    const bet = C.div(L.mul(G.add(L).max(L.mul(alpha)))).mul(L.add(R))
    const next = { init_particles: p0, cumulative_gradients: C, scale: L, subgradients: G, reward: R }
    return [p0.sub(p).add(bet), { count: state.count.add(1), ...next }]
  },
})
