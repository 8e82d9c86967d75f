import type { Expr } from '../../expression/index.ts'

/** ‖x‖₂ over one tensor. */
export const norm = (x: Expr): Expr => x.square().sum().sqrt()

/** √mean(x²) over one tensor. */
export const rms = (x: Expr): Expr => x.square().mean().sqrt()
