import { type Dtype, Problem } from '../../schemas/index.ts'
import { bytesOf } from '../engines/dtypes.ts'

export interface NamedTensor {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

/** The largest header that is read: one of some 250 000 tensors. */
const headerLimit = 2 ** 25

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

export interface SafetensorsFile {
  readonly metadata: ReadonlyMap<string, string>
  /** Their bytes are views of the file. */
  readonly tensors: ReadonlyMap<string, NamedTensor>
}

/**
 * Read a file whole: every byte of it belongs to the header or to one tensor.
 *
 * @throws Problem `malformed_body`
 */
export function readSafetensors(file: Uint8Array): SafetensorsFile {
  if (file.length < 8) throw malformed(`it has ${file.length} bytes, and its first 8 are the header's length`)
  const length = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true))
  const most = Math.min(headerLimit, file.length - 8)
  if (length > most) throw malformed(`the header is to have ${length} bytes, expected ${most} at most`)
  const { __metadata__: metadata = {}, ...entries } = parse(file.subarray(8, 8 + length))
  const data = file.subarray(8 + length)
  const tensors = Object.entries(entries).map(([name, entry]) => placed(name, entry))
  checkCovered(tensors, data.length)
  return {
    metadata: strings(metadata),
    tensors: new Map(
      tensors.map(({ begin, end, ...rest }) => [rest.name, { ...rest, bytes: data.subarray(begin, end) }]),
    ),
  }
}

const malformed = (reason: string): Problem =>
  new Problem('malformed_body', `Cannot read the body as a safetensors file: ${reason}`)

function parse(header: Uint8Array): Readonly<Record<string, unknown>> {
  // The format asks for it: no space before, and so no byte order mark.
  if (header[0] !== 0x7b) throw malformed('the header does not begin with {')
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(header))
  } catch (error) {
    throw malformed(`its header is no JSON: ${error instanceof Error ? error.message : error}`)
  }
}

function strings(metadata: unknown): ReadonlyMap<string, string> {
  const entries = Object.entries(Object(metadata))
  const other = entries.find(([, value]) => typeof value !== 'string')
  if (typeof metadata !== 'object' || metadata === null || other !== undefined)
    throw malformed(`__metadata__ is a map of strings; ${other?.[0] ?? 'it'} is not`)
  return new Map(entries as [string, string][])
}

interface Placed extends Omit<NamedTensor, 'bytes'> {
  readonly begin: number
  readonly end: number
}

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && Number(n) >= 0
const isCounts = (list: unknown): list is readonly number[] => Array.isArray(list) && list.every(isCount)

function placed(name: string, entry: unknown): Placed {
  const { dtype, shape, data_offsets: offsets } = Object(entry) as Record<string, unknown>
  if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2)
    throw malformed(`${name} is not {dtype, shape, data_offsets: [begin, end]}`)
  if (!Object.hasOwn(bytesOf, dtype))
    throw malformed(`${name} is ${dtype}, expected ${Object.keys(bytesOf).join(', ')}`)
  const [begin = 0, end = 0] = offsets
  const expected = shape.reduce((n, d) => n * d, bytesOf[dtype as Dtype])
  if (end - begin !== expected)
    throw malformed(`${name} is ${dtype} [${shape}] of ${end - begin} bytes, expected ${expected}`)
  return { name, dtype: dtype as Dtype, shape, begin, end }
}

/** Tensors lie back to back, in any order: no byte is of two, none of no tensor. */
function checkCovered(tensors: readonly Placed[], length: number): void {
  let covered = 0
  for (const { name, begin, end } of tensors.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const what = begin < covered ? 'lies over another tensor' : 'leaves a hole before it'
      throw malformed(`${name} begins at ${begin} and ${what}, expected ${covered}`)
    }
    covered = end
  }
  if (covered !== length) throw malformed(`its tensors end at ${covered}, and its data at ${length}`)
}
