/** Memory of an engine that is given back when nobody holds it any more. Whoever gets a lease is its first holder. */
export class Lease {
  readonly #give: () => void
  #holders = 1

  constructor(give: () => void) {
    this.#give = give
  }

  /** Whether others hold it than whoever asks, who does. */
  get shared(): boolean {
    return this.#holders > 1
  }

  hold(): void {
    if (this.#holders === 0) throw new Error('Cannot hold memory that was given back: nobody held it')
    this.#holders++
  }

  release(): void {
    if (this.#holders === 0) throw new Error('Cannot release memory that was given back: nobody holds it')
    if (--this.#holders === 0) this.#give()
  }
}
