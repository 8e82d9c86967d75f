export interface Safetensors {
  readonly tensors: Record<string, Float32Array>
  readonly metadata: Readonly<Record<string, string>>
}

/** Reads a safetensors file of F32 tensors: views where they lie aligned, as the server writes them; else copies. */
export function readSafetensors(file: Uint8Array): Safetensors {
  const length = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)))
  const data = file.subarray(8 + length)
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, Entry> & {
    readonly __metadata__?: Record<string, string>
  }
  const tensors = Object.entries(entries).map(([name, { dtype, data_offsets }]) => {
    if (dtype !== 'F32') throw new TypeError(`Cannot read tensor ${name} as F32: it is ${dtype}`)
    return [name, floatsOf(data.subarray(...data_offsets))] as const
  })
  return { tensors: Object.fromEntries(tensors), metadata }
}

interface Entry {
  readonly dtype: string
  readonly data_offsets: [number, number]
}

/** The bytes as float32 numbers: a view where they lie on a multiple of four, as a Float32Array must; else a copy. */
export const floatsOf = (bytes: Uint8Array): Float32Array =>
  bytes.byteOffset % 4 === 0
    ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
    : new Float32Array(new Uint8Array(bytes).buffer)
