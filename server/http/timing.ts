/** The stages of a request that `Server-Timing` tells of, in milliseconds. */
export class Timing {
  readonly #now: () => number
  /** They are few. */
  readonly #names: string[] = []
  readonly #spent: number[] = []
  #since: number

  constructor(now: () => number) {
    this.#now = now
    this.#since = now()
  }

  /** A stage ends here: what passed since the last one was its time. */
  lap(stage: string): void {
    const now = this.#now()
    const at = this.#names.indexOf(stage)
    if (at < 0) {
      this.#names.push(stage)
      this.#spent.push(now - this.#since)
    } else this.#spent[at] = (this.#spent[at] ?? 0) + now - this.#since
    this.#since = now
  }

  each(tell: (stage: string, ms: number) => void): void {
    for (let i = 0; i < this.#names.length; i++) tell(this.#names[i] ?? '', this.#spent[i] ?? 0)
  }

  header(): string {
    let header = ''
    this.each((stage, ms) => {
      header += `${header === '' ? '' : ', '}${stage};dur=${decimal(ms)}`
    })
    return header
  }
}

/** With three decimals, of whole numbers: to print others takes longer than many a stage. */
function decimal(ms: number): string {
  const us = Math.round(1000 * ms)
  const rest = us % 1000
  if (rest === 0) return String(us / 1000)
  return `${(us - rest) / 1000}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`
}
