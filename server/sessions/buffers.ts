import { type Dtype, Problem, type RowsBuffer, type TensorSpec } from '../../schemas/index.ts'
import { bytesOf } from '../engines/dtypes.ts'
import type { Tensors } from '../engines/engine.ts'
import { readRows } from './rows.ts'

/**
 * A buffer of the wire as one piece of bytes a tensor, in declared order; nothing is copied.
 *
 * @param field what the buffer is called in the request
 * @throws Problem `schema_mismatch`
 */
export function readBuffer(
  buffer: RowsBuffer,
  dtype: Dtype,
  tensors: readonly TensorSpec[],
  sizes: readonly number[],
  field: string,
): Tensors {
  return buffer instanceof Uint8Array
    ? { dtype, parts: packed(buffer, dtype, sizes, field) }
    : named(buffer, dtype, tensors, sizes, field)
}

function packed(buffer: Uint8Array, dtype: Dtype, sizes: readonly number[], field: string): Uint8Array[] {
  const elements = sizes.reduce((sum, n) => sum + n, 0)
  const expected = elements * bytesOf[dtype]
  if (buffer.length !== expected)
    throw mismatch(
      `Cannot read ${field} as packed ${dtype}: ${buffer.length} bytes, expected ${expected} (${elements} elements)`,
    )
  let end = 0
  return sizes.map((n) => {
    end += n * bytesOf[dtype]
    return buffer.subarray(end - n * bytesOf[dtype], end)
  })
}

function named(
  buffer: Exclude<RowsBuffer, Uint8Array>,
  dtype: Dtype,
  tensors: readonly TensorSpec[],
  sizes: readonly number[],
  field: string,
): Tensors {
  const parts = tensors.map((tensor, i) => {
    const { name, shape } = tensor
    const part = Object.hasOwn(buffer, name) ? buffer[name] : undefined
    const expected = (sizes[i] ?? 0) * bytesOf[dtype]
    if (part === undefined)
      throw mismatch(`${field} has no tensor ${name}: a named buffer holds every tensor of the session`, name)
    if (!(part instanceof Uint8Array)) return readRows(part, dtype, tensor, `${field}.${name}`)
    if (part.length !== expected)
      throw mismatch(
        `Cannot read ${field}.${name} as ${dtype} [${shape}]: ${part.length} bytes, expected ${expected}`,
        name,
      )
    return { data: part, rows: undefined }
  })
  const names = new Set(tensors.map(({ name }) => name))
  const extra = Object.keys(buffer).find((name) => !names.has(name))
  if (extra !== undefined) throw mismatch(`${field} has a tensor ${extra}, which the session has not`, extra)
  const whole = { dtype, parts: parts.map(({ data }) => data) }
  const rows = parts.map((part) => part.rows)
  return rows.every((own) => own === undefined) ? whole : { ...whole, rows }
}

const mismatch = (detail: string, tensor?: string) =>
  new Problem('schema_mismatch', detail, tensor === undefined ? {} : { tensor })
