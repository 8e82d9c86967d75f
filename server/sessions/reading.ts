import type { Lent } from '../engines/engine.ts'
import { type Entry, Replaced } from '../stores/store.ts'
import { kindOf } from './journal.ts'

/** An entry, and its bytes. */
export interface Read {
  readonly entry: Entry
  readonly body: Uint8Array
  /** To be released once they are not needed. */
  readonly lease?: Lent['lease']
}

/** Entries up to a number with their bytes, where an engine reads them; undefined for one that was replaced. */
export async function* withBodies(
  entries: AsyncIterable<Entry>,
  last: number,
  lend: (bytes: number) => Lent | undefined,
): AsyncGenerator<Read | undefined> {
  for await (const entry of entries) {
    if (entry.seq > last) return
    // What else there is may be needed for longer than until it is folded.
    const { bytes, lease } = (kindOf(entry) === 'step' && lend(entry.body.size)) || {}
    const body = bytes ?? new Uint8Array(entry.body.size)
    const read = { entry, body, ...(lease && { lease }) }
    yield await unlessReplaced(async () => {
      await entry.body.read([body])
      return read
    }, lease)
  }
}

/** What is read, unless something else stands for it by now. If it cannot be, what was lent for it is given back. */
export async function unlessReplaced<T>(
  read: () => Promise<T>,
  lent?: Lent['lease'],
): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    lent?.release()
    if (error instanceof Replaced) return undefined
    throw error
  }
}
