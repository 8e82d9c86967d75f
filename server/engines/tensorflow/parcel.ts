import { setImmediate } from 'node:timers/promises'

/** What is sent to another thread, and the memory that goes with it. */
export interface Parcel<T> {
  readonly content: T
  readonly buffers: readonly ArrayBuffer[]
}

/** Bytes that are copied before other work has its turn. */
const slice = 2 ** 23

/** Copies in memory of their own, which can be handed over: a request's bytes are views of its body. */
export async function pack(parts: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>[]> {
  const packed: Uint8Array<ArrayBuffer>[] = []
  let copied = 0
  for (const part of parts) {
    const copy = new Uint8Array(part.length)
    for (let at = 0; at < part.length; at += slice) {
      const piece = part.subarray(at, at + slice)
      copy.set(piece, at)
      copied += piece.length
      if (copied < slice) continue
      copied = 0
      await setImmediate()
    }
    packed.push(copy)
  }
  return packed
}
