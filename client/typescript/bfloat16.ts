/** BF16 is the upper half of a float32, rounded to the nearest, of two equally near to the even one. */

/** The numbers as little-endian BF16. */
export function narrowed(values: Float32Array): Uint8Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const view = new DataView(new ArrayBuffer(2 * values.length))
  for (const [i, word] of words.entries()) {
    // Rounding could carry a NaN over into infinity: it keeps its upper half, and stays a NaN by one bit.
    const nan = (word & 0x7fff_ffff) > 0x7f80_0000
    const half = nan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
    view.setUint16(2 * i, half, true)
  }
  return new Uint8Array(view.buffer)
}

/** Little-endian BF16 as float32 numbers. */
export function widened(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const words = Uint32Array.from(
    { length: bytes.byteLength / 2 },
    (_, i) => view.getUint16(2 * i, true) << 16,
  )
  return new Float32Array(words.buffer)
}
