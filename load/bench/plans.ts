import { readChain, record } from '../../server/chains/index.ts'
import { compile } from '../../server/compiler/compile.ts'
import type { Plan } from '../../server/compiler/plan.ts'
import { number, zeros } from '../../server/expression/index.ts'
import { transformation } from '../../server/transformations/form/define.ts'
import { trace } from '../../server/transformations/form/record.ts'

/** A chain that is measured. Its name is that of its loop in kernels.c, too. */
export interface Measured {
  readonly name: string
  /** Its text; none for what is defined here. */
  readonly chain: string
  /** Bytes that a pass must read and write for each parameter. */
  readonly bytes: number
  /** Elements of a row, where there are rows. */
  readonly row?: number
}

/** Lion's arithmetic. */
const lion = transformation({
  name: 'lion',
  formula: 'u = −lr · sign(b1 · m + (1 − b1) · g);  m ← b2 · m + (1 − b2) · g',
  reference: 'Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675',
  options: { lr: number(1e-3), b1: number(0.9), b2: number(0.99) },
  state: { m: zeros() },
  update(g, { lr, b1, b2 }, { m }) {
    const c = g.mul(b1.neg().add(1)).add(m.mul(b1))
    return [c.sign().mul(lr.neg()), { m: g.mul(b2.neg().add(1)).add(m.mul(b2)) }]
  },
})

/** So much arithmetic an element that memory does not matter. */
const tanh = transformation({
  name: 'tanh',
  formula: 'u = tanh(g)',
  reference: 'for measuring only',
  update: (g) => g.tanh(),
})

const ours = { lion: lion(), tanh: tanh() }

export const chains = {
  copy: { name: 'copy', chain: 'identity()', bytes: 8 },
  momentum: { name: 'momentum', chain: 'sgd(1e-3, momentum=0.9)', bytes: 16 },
  lion: { name: 'lion', chain: 'lion', bytes: 16 },
  rmsprop: { name: 'rmsprop', chain: 'rmsprop(1e-3)', bytes: 16 },
  adam: { name: 'adam', chain: 'adam(1e-3)', bytes: 24 },
  adamw: { name: 'adamw', chain: 'adamw(1e-3)', bytes: 28 },
  norm: {
    name: 'clip_by_global_norm_adam',
    chain: 'chain(clip_by_global_norm(1.0), adam(1e-3))',
    bytes: 28,
  },
  rows: {
    name: 'clip_centralize_adam',
    chain: 'chain(clip(1.0), centralize(), adam(1e-3))',
    bytes: 24,
  },
  tanh: { name: 'tanh', chain: 'tanh', bytes: 8 },
} as const satisfies Record<string, Measured>

/** The plan of a chain for one tensor. */
export function planOf({ chain }: Measured, shape: readonly number[]): Plan {
  const tensors = [{ name: 'w', shape, rank: shape.length }]
  const asked = { keep: false, stats: false }
  if (chain === 'lion' || chain === 'tanh') return compile(trace(ours[chain], tensors, new Map(), asked))
  return compile(record(readChain(chain), tensors, asked))
}

/** About so many parameters, in whole rows. */
export const shapeOf = ({ row }: Measured, size: number): number[] =>
  row === undefined ? [size] : [Math.max(1, Math.floor(size / row)), row]

/** Numbers between −1 and 1, the same as in driver.c. */
export const values = (n: number, of: (x: number) => number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: n }, (_, i) => of(i))
