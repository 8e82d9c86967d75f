import type { Tensor } from '@tensorflow/tfjs'

export type Tf = typeof import('@tensorflow/tfjs')

export interface Options {
  readonly learning_rate: number
  readonly weight_decay: number
}

/** Steps taken, parameters and both moments, as bytes of float32. */
export interface State {
  readonly t: number
  readonly tensors: readonly Uint8Array[]
}

const [b1, b2, eps] = [0.9, 0.999, 1e-8]

/** AdamW with its state, in ops of tfjs that run one by one. */
export class AdamW {
  readonly options: Options
  readonly #tf: Tf
  #tensors: readonly Tensor[]
  #t: number

  constructor(tf: Tf, options: Options, { t, tensors }: State) {
    this.options = options
    this.#tf = tf
    this.#t = t
    this.#tensors = tensors.map((bytes) => tf.tensor1d(floatsOf(bytes)))
  }

  /** Zeros as moments. */
  static fresh(tf: Tf, options: Options, params: Uint8Array): AdamW {
    const zeros = new Uint8Array(params.length)
    return new AdamW(tf, options, { t: 0, tensors: [params, zeros, zeros] })
  }

  get t(): number {
    return this.#t
  }

  get tensors(): readonly Uint8Array[] {
    return this.#tensors.map(bytesOf)
  }

  /** The updates. */
  step(grads: Uint8Array): Uint8Array {
    this.#t++
    const [u, ...next] = this.#tf.tidy(() => {
      const [p, m0, v0] = this.#tensors as [Tensor, Tensor, Tensor]
      const { learning_rate, weight_decay } = this.options
      const g = this.#tf.tensor1d(floatsOf(grads))
      const m = m0.mul(b1).add(g.mul(1 - b1))
      const v = v0.mul(b2).add(g.square().mul(1 - b2))
      const scale = v.mul(1 / (1 - b2 ** this.#t)).sqrt()
      const u = m
        .mul(-learning_rate / (1 - b1 ** this.#t))
        .div(scale.add(eps))
        .sub(p.mul(learning_rate * weight_decay))
      return [u, p.add(u), m, v] as const
    })
    this.#tf.dispose([...this.#tensors])
    this.#tensors = next
    const updates = bytesOf(u)
    u.dispose()
    return updates
  }

  dispose(): void {
    this.#tf.dispose([...this.#tensors])
  }
}

/** A copy: bytes in a message are not aligned. */
const floatsOf = (bytes: Uint8Array): Float32Array => new Float32Array(new Uint8Array(bytes).buffer)

function bytesOf(tensor: Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.dataSync()
  return new Uint8Array(buffer, byteOffset, byteLength)
}
