import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

/** What was said of each step, by whoever: it must always be the same bytes. */
export class Ledger {
  readonly #name: string
  readonly #steps = new Map<number, string>()

  constructor(name: string) {
    this.#name = name
  }

  agree(step: number, bytes: unknown, who: string): void {
    assert.ok(bytes instanceof Uint8Array, `${this.#name}: ${who} has no bytes for step ${step}`)
    const digest = createHash('sha1').update(bytes).digest('base64')
    const before = this.#steps.get(step)
    assert.ok(
      before === undefined || before === digest,
      `${this.#name}: ${who} has other bytes for step ${step}`,
    )
    this.#steps.set(step, digest)
  }

  get size(): number {
    return this.#steps.size
  }
}
