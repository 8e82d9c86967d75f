import { StoreUnavailable } from '../store.ts'
import type { Caller, Reply } from './caller.ts'
import { bodyKey, type Field, partOf, sessionKeys } from './keys.ts'
import { list, number, text } from './replies.ts'

/** References that one call trims: some 0.5 ms in which Redis does nothing else. */
const TRIMMED = 64
/** How long what is large is left for chunks that are yet to be sent. */
const LEFT_MS = 60_000

interface Left {
  /** How many chunks are left of a body, by its name: the first so many. */
  readonly bodies: Map<string, number>
  readonly timer: NodeJS.Timeout
}

/**
 * Removes what snapshots stand for: small bodies at once, and of large ones a chunk whenever one is sent, which then lies
 * where that was. The entries until the next snapshot, and that, are as much as they are. Were all of them removed at once,
 * Redis's allocator would give their memory back to the system, and have it made anew page by page for what comes then:
 * for large steps two thirds of the time that Redis took.
 */
export class Trimming {
  readonly #caller: Caller
  readonly #left = new Map<string, Left>()

  constructor(caller: Caller) {
    this.#caller = caller
  }

  /** What is left where this fails goes with the next snapshot. */
  async trim(key: string): Promise<void> {
    const [more, ...large] = await this.#call(key, ['leave'])
    if (large.length > 0) this.#leave(key, large)
    if (number(more) > 0) await this.#rest(key)
  }

  /** What is to go as a chunk is sent: the last of a body, so that a body without its first has none. */
  next(key: string): Field | undefined {
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

  /** What is left goes now, if Redis is there. */
  async close(): Promise<void> {
    const keys = this.#caller.client.status === 'ready' ? [...this.#left.keys()] : []
    await Promise.all(keys.map((key) => this.#rest(key)))
    for (const { timer } of this.#left.values()) clearTimeout(timer)
  }

  /** @param large name and chunks of each body that stays, also of those that were left before */
  #leave(key: string, large: readonly Reply[]): void {
    const before = this.#left.get(key)
    clearTimeout(before?.timer)
    const bodies = before?.bodies ?? new Map<string, number>()
    for (let i = 0; i < large.length; i += 2) {
      const name = text(large[i])
      if (!bodies.has(name)) bodies.set(name, number(large[i + 1]))
    }
    this.#left.set(key, { bodies, timer: setTimeout(() => this.#end(key), LEFT_MS).unref() })
  }

  /** Not waited for, and where it fails the next snapshot sees to it. */
  #end(key: string): void {
    this.#rest(key).catch(() => undefined)
  }

  async #rest(key: string): Promise<void> {
    clearTimeout(this.#left.get(key)?.timer)
    this.#left.delete(key)
    while (number((await this.#call(key, []))[0]) > 0);
  }

  /** How many references are yet to be looked at, and the bodies that stay. */
  async #call(key: string, args: readonly string[]): Promise<readonly Reply[]> {
    const what = `trim session "${key}"`
    try {
      return list(await this.#caller.script(what, 'trim', sessionKeys(key), [TRIMMED, ...args]))
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      return [0]
    }
  }
}
