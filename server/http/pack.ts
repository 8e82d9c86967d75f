// Not the library's main module: that one adds native code, which looks through all of a body for strings, and fails where
// threads share its memory.
import { Packr } from 'msgpackr/pack'
import { sizeOf } from '../turns.ts'

/** Plain msgpack only: no records, no extensions; `bin` is a view of the body. */
export const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number' })

const nil = Uint8Array.of(0xc0)
const little = 2 ** 16

/** Decode a body. What the decoder reads last it holds on to: let that be little. */
export function unpack(bytes: Uint8Array): unknown {
  if (bytes.length <= little) return packr.unpack(bytes)
  try {
    return packr.unpack(bytes)
  } finally {
    packr.unpack(nil)
  }
}

/** A `bin` of msgpack made of pieces, which stay where they are. */
export class Bin {
  readonly pieces: readonly Uint8Array[]

  constructor(pieces: readonly Uint8Array[]) {
    this.pieces = pieces
  }
}

/** A map whose values are anything that msgpackr packs, bins in pieces, or maps of these. */
export interface Packable {
  readonly [key: string]: unknown
}

/** Pack a map without copying what its bins are made of: the message in pieces. */
export function pack(map: Packable): Uint8Array[] {
  const pieces: Uint8Array[] = []
  packMap(map, pieces)
  return pieces
}

function packMap(map: Packable, pieces: Uint8Array[]): void {
  const entries = Object.entries(map)
  pieces.push(mapHead(entries.length))
  for (const [key, value] of entries) {
    pieces.push(keyOf(key))
    if (value instanceof Bin) {
      pieces.push(binHead(sizeOf(value.pieces)))
      for (const piece of value.pieces) pieces.push(piece)
    } else if (value === true || value === false) pieces.push(value ? truth : falsity)
    else if (isMap(value)) packMap(value, pieces)
    else pieces.push(packr.pack(value))
  }
}

const [falsity, truth] = [Uint8Array.of(0xc2), Uint8Array.of(0xc3)]
/** The keys that answers have; names of tensors are the clients'. */
const fields = new Map(
  ['step', 'replayed', 'counted', 'updates', 'params', 'stats'].map((key) => [key, packr.pack(key)]),
)
const keyOf = (key: string): Uint8Array => fields.get(key) ?? packr.pack(key)

const isMap = (value: unknown): value is Packable =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** `fixmap`, `map 16` or `map 32`. */
function mapHead(entries: number): Uint8Array {
  if (entries < 2 ** 4) return Uint8Array.of(0x80 | entries)
  return entries < 2 ** 16 ? head(0xde, entries, 2) : head(0xdf, entries, 4)
}

/** `bin 8`, `bin 16` or `bin 32`. */
export function binHead(bytes: number): Uint8Array {
  if (bytes >= 2 ** 32) throw new Error(`Cannot write ${bytes} bytes as a bin: msgpack has room for 2³² − 1`)
  if (bytes < 2 ** 8) return head(0xc4, bytes, 1)
  return bytes < 2 ** 16 ? head(0xc5, bytes, 2) : head(0xc6, bytes, 4)
}

function head(type: number, count: number, size: 1 | 2 | 4): Uint8Array {
  const bytes = Buffer.alloc(1 + size)
  bytes[0] = type
  bytes.writeUIntBE(count, 1, size)
  return bytes
}
