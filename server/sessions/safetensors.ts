import type { Dtype } from '../../schemas/index.ts'

export interface NamedTensor {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/**
 * A safetensors file in pieces: the header's length as a 64-bit little-endian number, the header as JSON, then all tensors back to
 * back. The header is padded with spaces to a multiple of 8 bytes, so that tensors begin aligned.
 *
 * @see https://github.com/huggingface/safetensors#format
 */
export function writeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): readonly Uint8Array[] {
  let end = 0
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    end += bytes.length
    return [name, { dtype, shape, data_offsets: [end - bytes.length, end] }] as const
  })
  const text = JSON.stringify(Object.fromEntries([['__metadata__', metadata], ...entries]))
  const header = new TextEncoder().encode(text)
  const padded = Math.ceil(header.length / 8) * 8
  const head = new Uint8Array(8 + padded).fill(0x20, 8)
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true)
  head.set(header, 8)
  return [head, ...tensors.map(({ bytes }) => bytes)]
}
