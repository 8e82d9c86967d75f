import * as tf from '@tensorflow/tfjs'
import { sizeOf, type TensorSpec } from '../../index.ts'
import { type Batch, batchOf, CLASSES, type Digits, PIXELS, range } from './data.ts'

const HIDDEN = 48

/** One hidden layer. The packed buffers hold the tensors in this order. */
export const tensors: readonly TensorSpec[] = [
  { name: 'hidden/kernel', shape: [PIXELS, HIDDEN] },
  { name: 'hidden/bias', shape: [HIDDEN] },
  { name: 'logits/kernel', shape: [HIDDEN, CLASSES] },
  { name: 'logits/bias', shape: [CLASSES] },
]

/** The layers' widths, for titles. */
export const layers = [PIXELS, HIDDEN, CLASSES].join('-')

/** Kernels uniform in ±√(6 / (rows + columns)) (Glorot, 2010), biases zero. */
export function initialParams(random: () => number): Float32Array {
  const params = new Float32Array(sizeOf(tensors))
  unpack(params).forEach((values, i) => {
    const [rows = 0, columns = 0] = tensors[i]?.shape ?? []
    const limit = columns > 0 ? Math.sqrt(6 / (rows + columns)) : 0
    for (let k = 0; k < values.length; k += 1) values[k] = (2 * random() - 1) * limit
  })
  return params
}

/** A view of each tensor in a packed buffer. */
export function unpack(packed: Float32Array): readonly Float32Array[] {
  let offset = 0
  return tensors.map((tensor) => {
    const begin = offset
    offset += sizeOf([tensor])
    return packed.subarray(begin, offset)
  })
}

/** The tensors of a packed buffer, on its memory: valid within the `tidy` that they are made in. */
export const tensorsOf = (packed: Float32Array): tf.Tensor[] =>
  unpack(packed).map((values, i) => tf.tensor(values, [...(tensors[i]?.shape ?? [])]))

function logits(x: tf.Tensor2D, params: readonly tf.Tensor[]): tf.Tensor2D {
  const [w1, b1, w2, b2] = params as [tf.Tensor2D, tf.Tensor1D, tf.Tensor2D, tf.Tensor1D]
  return x.matMul(w1).add<tf.Tensor2D>(b1).relu().matMul(w2).add(b2)
}

/** The mean cross-entropy of a batch, and its gradients written into `grads`, packed. */
export function lossAndGrads(params: Float32Array, batch: Batch, grads: Float32Array): number {
  return tf.tidy(() => {
    const x = tf.tensor2d(batch.x, [batch.count, PIXELS])
    const target = tf.oneHot(tf.tensor1d(batch.labels, 'int32'), CLASSES)
    const loss = (...w: tf.Tensor[]): tf.Scalar =>
      tf.losses.softmaxCrossEntropy(target, logits(x, w)).asScalar()
    const result = tf.valueAndGrads(loss)(tensorsOf(params))
    unpack(grads).forEach((values, i) => {
      values.set(result.grads[i]?.dataSync() ?? [])
    })
    return result.value.dataSync()[0] ?? Number.NaN
  })
}

/** What the network takes each of a batch of digits for. */
export const classify = (params: Float32Array, { count, x }: Batch): Uint8Array =>
  tf.tidy(() => {
    const classes = logits(tf.tensor2d(x, [count, PIXELS]), tensorsOf(params)).argMax(1)
    return Uint8Array.from(classes.dataSync())
  })

/** Share of the digits that the network names rightly. */
export function accuracy(params: Float32Array, digits: Digits): number {
  const size = 1000
  let right = 0
  for (let start = 0; start < digits.count; start += size) {
    const batch = batchOf(digits, range(start, Math.min(start + size, digits.count)))
    const named = classify(params, batch)
    right += batch.labels.filter((label, i) => label === named[i]).length
  }
  return right / digits.count
}
