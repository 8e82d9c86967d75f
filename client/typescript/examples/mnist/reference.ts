import * as tf from '@tensorflow/tfjs'
import { tensorsOf, unpack } from './model.ts'

/** The chain that `Reference` computes. */
export const REFERENCE_CHAIN = 'chain(clip(1.0), centralize(), adam(1e-3))'

/**
 * The same chain in this process, for comparison: clip and centralize in TensorFlow.js's operations, then its own
 * Adam. With an explicit epsilon both compute u = −lr · m̂ / (√v̂ + ε). What remains is rounding: TensorFlow.js
 * keeps βᵗ in float32, where 1 − 0.999ᵗ is off by 1.3e-5 of itself over the first thousand steps.
 */
export class Reference {
  readonly #adam = tf.train.adam(1e-3, 0.9, 0.999, 1e-8)
  readonly #variables: readonly tf.Variable[]

  constructor(params: Float32Array) {
    this.#variables = tensorsOf(params.slice()).map((tensor) => tf.variable(tensor))
  }

  /** Apply the gradients to the parameters kept here. */
  step(grads: Float32Array): void {
    tf.tidy(() => {
      const named = tensorsOf(grads).map((grad, i) => ({
        name: this.#variables[i]?.name ?? '',
        tensor: centralize(grad.clipByValue(-1, 1)),
      }))
      this.#adam.applyGradients(named)
    })
  }

  /** ‖a − b‖ / ‖b‖, with b the parameters kept here. */
  distance(params: Float32Array): number {
    const a = unpack(params)
    let difference = 0
    let norm = 0
    this.#variables.forEach((variable, i) => {
      variable.dataSync().forEach((b, k) => {
        difference += ((a[i]?.[k] ?? 0) - b) ** 2
        norm += b ** 2
      })
    })
    return Math.sqrt(difference / norm)
  }
}

/** Subtract the mean of every slice along the leading axis; vectors stay as they are. */
const centralize = (grad: tf.Tensor): tf.Tensor => {
  const axes = grad.shape.map((_, axis) => axis).slice(1)
  return axes.length > 0 ? grad.sub(grad.mean(axes, true)) : grad
}
