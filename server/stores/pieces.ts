import { into, Turns } from '../turns.ts'
import type { StoredBody } from './store.ts'

type Pieces = readonly Uint8Array[]

export const sizeOf = (pieces: Pieces): number => pieces.reduce((sum, piece) => sum + piece.length, 0)

/** The pieces as one: where there is only one, that. */
export const joined = (pieces: Pieces): Uint8Array => {
  const [only, second] = pieces
  if (only !== undefined && second === undefined) return only
  const out = new Uint8Array(sizeOf(pieces))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}

/** Whether both are the same places in memory, whatever they are cut into. */
export const areSame = (some: Pieces, others: Pieces): boolean => {
  const [a, b] = [stretches(some), stretches(others)]
  return (
    a.length === b.length &&
    a.every(
      ({ buffer, begin, end }, i) => buffer === b[i]?.buffer && begin === b[i].begin && end === b[i].end,
    )
  )
}

/** Where pieces are in memory: those that follow each other there are one. */
const stretches = (pieces: Pieces) => {
  const all: { buffer: ArrayBufferLike; begin: number; end: number }[] = []
  for (const { buffer, byteOffset: begin, length } of pieces) {
    const last = all.at(-1)
    if (last?.buffer === buffer && last.end === begin) last.end += length
    else if (length > 0) all.push({ buffer, begin, end: begin + length })
  }
  return all
}

/** Cut at multiples of `length`: each chunk as the views that make it up, so that nothing is copied here. */
export function* chunksOf(pieces: Pieces, length: number): Generator<Pieces> {
  let chunk: Uint8Array[] = []
  let room = length
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + room)
      chunk.push(part)
      at += part.length
      room -= part.length
      if (room === 0) {
        yield chunk
        chunk = []
        room = length
      }
    }
  }
  if (chunk.length > 0) yield chunk
}

/** Pieces that are in memory, as what was read. */
export const inMemory = (pieces: Pieces): StoredBody => ({
  size: sizeOf(pieces),
  read: (targets) => new Turns().through(pieces, into(targets)),
})

/** All bytes of a body, in memory of their own. */
export async function whole({ size, read }: StoredBody): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(size)
  await read([out])
  return out
}
