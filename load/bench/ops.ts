import type { Scalar, Tensor } from '@tensorflow/tfjs'

export type Tf = typeof import('@tensorflow/tfjs')

/** What a step sees, and gives: the update, then the state after it. */
interface Given {
  readonly tf: Tf
  readonly g: Tensor
  readonly p: Tensor
  readonly s: readonly Tensor[]
  readonly t: number
}
type Step = (given: Given) => readonly Tensor[]

const [lr, b1, b2, eps, decay] = [1e-3, 0.9, 0.999, 1e-8, 1e-4]
const ema = (m: Tensor, x: Tensor, b: number) => m.mul(b).add(x.mul(1 - b))

function moments(g: Tensor, [m0, v0]: readonly Tensor[], t: number): [Tensor, Tensor, Tensor] {
  const [m, v] = [ema(m0 as Tensor, g, b1), ema(v0 as Tensor, g.square(), b2)]
  const u = m.mul(1 / (1 - b1 ** t)).div(
    v
      .mul(1 / (1 - b2 ** t))
      .sqrt()
      .add(eps),
  )
  return [u, m, v]
}

const adam = (g: Tensor, s: readonly Tensor[], t: number) => {
  const [u, m, v] = moments(g, s, t)
  return [u.mul(-lr), m, v]
}

/** The chains in ops that run one by one, as one writes them with tfjs. By the names of the loops in kernels.c. */
export const steps: Readonly<Record<string, Step>> = {
  momentum({ g, s: [m0] }) {
    const m = g.add((m0 as Tensor).mul(b1))
    return [m.mul(-lr), m]
  },
  lion({ g, s: [m0] }) {
    const m = m0 as Tensor
    return [ema(m, g, b1).sign().mul(-lr), ema(m, g, 0.99)]
  },
  rmsprop({ g, s: [v0] }) {
    const v = ema(v0 as Tensor, g.square(), b1)
    return [g.mul(v.add(eps).rsqrt()).mul(-lr), v]
  },
  adam: ({ g, s, t }) => adam(g, s, t),
  adamw({ g, p, s, t }) {
    const [u, m, v] = moments(g, s, t)
    return [u.add(p.mul(decay)).mul(-lr), m, v]
  },
  clip_by_global_norm_adam({ tf, g, s, t }) {
    const norm = g.square().sum().sqrt() as Scalar
    return adam(g.mul(tf.minimum(1, tf.div(1, norm))), s, t)
  },
  clip_centralize_adam({ g, s, t }) {
    const clipped = g.clipByValue(-1, 1)
    return adam(clipped.sub(clipped.mean(1, true)), s, t)
  },
}
