/** Reads a safetensors file of F32 tensors: views where they lie aligned, as the server writes them; else copies. */
export function readSafetensors(file: Uint8Array): Record<string, Float32Array> {
  const length = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)))
  const data = file.subarray(8 + length)
  const { __metadata__: _, ...tensors } = header as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, data_offsets }]) => {
      if (dtype !== 'F32') throw new TypeError(`Cannot read tensor ${name} as F32: it is ${dtype}`)
      return [name, floatsOf(data.subarray(...data_offsets))]
    }),
  )
}

/** The bytes as float32 numbers: a view where they lie on a multiple of four, as a Float32Array must; else a copy. */
export const floatsOf = (bytes: Uint8Array): Float32Array =>
  bytes.byteOffset % 4 === 0
    ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    : new Float32Array(new Uint8Array(bytes).buffer)
