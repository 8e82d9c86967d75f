import { readFileSync } from 'node:fs'
import type { Point } from '../report/report.ts'

/** Of the processors' time in a slice, above which figures are of the machine's neighbours too. */
const little = 0.01

/** Since the system began. */
export interface Ticks {
  readonly steal: number
  readonly all: number
}

/**
 * What part of the processors' time the hypervisor gave to others, slice by slice: `steal` of all there is in the first
 * line of /proc/stat (proc(5)). 0 where the system has no such file.
 */
export class Steal {
  readonly #slice: number
  readonly #behind: () => boolean
  readonly #read: () => Ticks
  readonly #shares: number[] = []
  /** Whether something was taken in a slice, or since then steps wait that were due. */
  readonly #disturbed: boolean[] = []
  readonly #began = performance.now()
  readonly #timer: NodeJS.Timeout
  readonly #first: Ticks
  #last: Ticks

  /**
   * @param slice in seconds
   * @param behind whether there is more to do than in time, as at the end of a slice
   */
  constructor(slice: number, { behind = (): boolean => false, read = ticks } = {}) {
    this.#slice = slice
    this.#behind = behind
    this.#read = read
    this.#first = this.#last = read()
    this.#timer = setInterval(() => this.#look(), slice * 1000)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#look()
  }

  /** Of all the time. */
  get share(): number {
    return between(this.#first, this.#last)
  }

  /** In percent, in each slice. */
  percent(): Point[] {
    return this.#shares.map((share, i) => [(i + 0.5) * this.#slice, 100 * share])
  }

  /** Whether little was taken in a slice and in the one before, and what had to wait for that before has been done. */
  spared(i: number): boolean {
    return ![i - 1, i].some((k) => this.#disturbed[k])
  }

  /** A timer that fires late makes one long slice of several. */
  #look(): void {
    const now = this.#read()
    const share = between(this.#last, now)
    const count = Math.round((performance.now() - this.#began) / 1000 / this.#slice)
    const disturbed = share >= little || (this.#disturbed.at(-1) === true && this.#behind())
    while (this.#shares.length < count) {
      this.#shares.push(share)
      this.#disturbed.push(disturbed)
    }
    this.#last = now
  }
}

const between = (a: Ticks, b: Ticks): number => (b.all > a.all ? (b.steal - a.steal) / (b.all - a.all) : 0)

function ticks(): Ticks {
  let line: string
  try {
    ;[line = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1)
  } catch {
    return { steal: 0, all: 0 }
  }
  // user nice system idle iowait irq softirq steal; what guests take is in user already.
  const counted = line.split(/\s+/).slice(1, 9).map(Number)
  return { steal: counted[7] ?? 0, all: counted.reduce((sum, each) => sum + each, 0) }
}
