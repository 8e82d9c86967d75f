import { StoreUnavailable } from '../store.ts'
import type { Caller, Reply } from './caller.ts'
import { bodyKey, type Field, partOf, sessionKeys } from './keys.ts'
import { list, number, text } from './replies.ts'

/** References that one call trims: some 0.5 ms in which Redis does nothing else. */
const TRIMMED = 64
/** How long what is large is left for chunks that are yet to be sent. */
const LEFT_MS = 60_000
/** Beyond so many sessions it is forgotten what was sent of any. */
const MOST = 10_000

interface Left {
  /** How many chunks are left of a body, by its name: the first so many. */
  readonly bodies: Map<string, number>
  readonly timer: NodeJS.Timeout
}

/**
 * Removes what snapshots stand for: small bodies at once, and of large ones a chunk whenever one is sent, which then lies
 * where that was. The entries until the next snapshot, and that, are as much as they are. Were all of them removed at once,
 * Redis's allocator would give their memory back to the system, and have it made anew page by page for what comes then:
 * for large steps more than half of the time that Redis took. As much is left as this server sent since it trimmed last, so
 * that it stays one generation, whoever else sends.
 */
export class Trimming {
  readonly #caller: Caller
  readonly #left = new Map<string, Left>()
  /** Chunks that were sent of a session since it was trimmed. */
  readonly #sent = new Map<string, number>()

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** What is left where this fails goes with the next snapshot. */
  async trim(key: string): Promise<void> {
    const room = this.#sent.get(key) ?? 0
    this.#sent.delete(key)
    const [more, ...large] = await this.#call(key, room)
    this.#leave(key, large)
    if (number(more) > 0) await this.#rest(key)
  }

  /** What is to go as a chunk is sent: the last of a body. Of a chunk that is not sent after all, it goes with the rest. */
  next(key: string): Field | undefined {
    if (this.#sent.size >= MOST && !this.#sent.has(key)) this.#sent.clear()
    this.#sent.set(key, (this.#sent.get(key) ?? 0) + 1)
    const bodies = this.#left.get(key)?.bodies
    const [body] = bodies ?? []
    if (bodies === undefined || body === undefined) return undefined
    const [name, count] = body
    const field = count - 1
    if (field > 0) bodies.set(name, field)
    else bodies.delete(name)
    if (bodies.size === 0) this.#end(key)
    return { key: bodyKey(key, name, partOf(field)), field }
  }

  /** What is left goes with the next snapshot, or expires. */
  close(): void {
    for (const { timer } of this.#left.values()) clearTimeout(timer)
    this.#left.clear()
  }

  /** @param large name and chunks of each body that stays */
  #leave(key: string, large: readonly Reply[]): void {
    clearTimeout(this.#left.get(key)?.timer)
    this.#left.delete(key)
    if (large.length === 0) return
    const bodies = new Map<string, number>()
    for (let i = 0; i < large.length; i += 2) bodies.set(text(large[i]), number(large[i + 1]))
    this.#left.set(key, { bodies, timer: setTimeout(() => this.#end(key), LEFT_MS).unref() })
  }

  /** Not waited for, and where it fails the next snapshot sees to it. */
  #end(key: string): void {
    this.#leave(key, [])
    this.#rest(key).catch(() => undefined)
  }

  async #rest(key: string): Promise<void> {
    while (number((await this.#call(key, 0))[0]) > 0);
  }

  /** How many references are yet to be looked at, and the bodies that stay. */
  async #call(key: string, room: number): Promise<readonly Reply[]> {
    const what = `trim session "${key}"`
    try {
      return list(await this.#caller.script(what, 'trim', sessionKeys(key), [TRIMMED, room]))
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      return [0]
    }
  }
}
