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

/** MNIST, 60 000 digits to train on and 10 000 to test on, from its files of images and labels. */
export function digitsOf(images: Uint8Array, labels: Uint8Array): Digits {
  const names = valuesOf(labels)
  return { count: names.length, images: valuesOf(images), labels: names }
}

/** An IDX file of bytes: two zeros, the type (8), the rank, the extents as big-endian int32, then the values. */
function valuesOf(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const rank = view.getUint8(3)
  const extents = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const size = extents.reduce((product, extent) => product * extent, 1)
  const values = file.subarray(4 + 4 * rank)
  if (values.length !== size) {
    throw new Error(`Cannot read digits: ${values.length} values, expected ${size} (${extents.join(' × ')})`)
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

/** The places from `start` up to `end`. */
export const range = (start: number, end: number): Uint32Array =>
  Uint32Array.from({ length: end - start }, (_, i) => start + i)

/** All places in a random order, so that every epoch meets the digits differently. */
export function shuffled(count: number, random: () => number): Uint32Array {
  const places = range(0, count)
  for (let i = count - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1))
    const swapped = places[i] ?? 0
    places[i] = places[j] ?? 0
    places[j] = swapped
  }
  return places
}
