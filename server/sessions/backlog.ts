import { type Extent, nothing, plus } from './journal.ts'

/** What is in the journal of a session and in no snapshot. Contributions to the next step stay beyond any. */
export class Backlog {
  #covered = nothing
  #beyond = nothing

  /** What a snapshot taken now would stand for. */
  get covered(): Extent {
    return this.#covered
  }

  get all(): Extent {
    return plus(this.#covered, this.#beyond)
  }

  add(bytes: number): void {
    this.#beyond = plus(this.#beyond, { entries: 1, bytes })
  }

  /** All that there is makes steps. */
  settle(): void {
    this.#covered = this.all
    this.#beyond = nothing
  }

  /** A snapshot stands for so much. */
  drop({ entries, bytes }: Extent): void {
    this.#covered = plus(this.#covered, { entries: -entries, bytes: -bytes })
  }

  /** Whether it is beyond a limit with so many bytes more. */
  outgrows({ entries, bytes }: Extent, bytesToCome: number): boolean {
    const all = this.all
    return all.entries >= entries || all.bytes + bytesToCome > bytes
  }
}
