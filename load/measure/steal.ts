import { readFileSync } from 'node:fs'
import type { Point } from '../report/report.ts'

/** Of the processors' time in a slice, from which on figures are of the machine's neighbours too. */
const much = 0.01

/** What part of a measurement is enough to tell of all of it. */
export const enough = 0.1

/** Milliseconds by which timers may fire early. */
const early = 2

/** Since the system began. */
export interface Ticks {
  readonly steal: number
  readonly all: number
}

/**
 * What part of the processors' time the hypervisor gave to others, slice by slice: `steal` of all there is in the first
 * line of /proc/stat (proc(5)), in ticks of 10 ms. 0 where the system has no such file.
 */
export class Steal {
  readonly #slice: number
  readonly #behind: () => boolean
  readonly #read: () => Ticks
  readonly #shares: number[] = []
  /** Whether much was taken in a slice, or what that held up has not been made up for. */
  readonly #disturbed: boolean[] = []
  readonly #began = performance.now()
  readonly #first: Ticks
  #last: Ticks
  #end: Ticks | undefined
  #timer: NodeJS.Timeout | undefined

  /**
   * @param slice in seconds
   * @param behind whether there is more to do than in time, asked at the end of a slice
   */
  constructor(slice: number, { behind = (): boolean => false, read = ticks } = {}) {
    this.#slice = slice
    this.#behind = behind
    this.#read = read
    this.#first = this.#last = read()
    this.#wait()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#look()
    this.#end = this.#read()
  }

  /** Of all the time until it was stopped. */
  get share(): number {
    return between(this.#first, this.#end ?? this.#last)
  }

  /** In percent, in each slice that is over. */
  percent(): Point[] {
    return this.#shares.map((share, i) => [(i + 0.5) * this.#slice, 100 * share])
  }

  /** Whether little was taken in a slice and in the one before, and what was held up earlier had been made up for. */
  spared(i: number): boolean {
    return [i - 1, i].every((k) => k < 0 || this.#disturbed[k] === false)
  }

  /** Until the next slice is over, by the clock: a timer that repeats is later each time. */
  #wait(): void {
    const end = this.#began + (this.#shares.length + 1) * this.#slice * 1000
    this.#timer = setTimeout(() => {
      this.#look()
      this.#wait()
    }, end - performance.now()).unref()
  }

  #look(): void {
    const over = Math.floor((performance.now() - this.#began + early) / (1000 * this.#slice))
    if (over <= this.#shares.length) return
    const now = this.#read()
    const share = between(this.#last, now)
    const disturbed = share >= much || (this.#disturbed.at(-1) === true && this.#behind())
    // Of several where the timer was late.
    while (this.#shares.length < over) {
      this.#shares.push(share)
      this.#disturbed.push(disturbed)
    }
    this.#last = now
  }
}

const between = (a: Ticks, b: Ticks): number => (b.all > a.all ? (b.steal - a.steal) / (b.all - a.all) : 0)

function ticks(): Ticks {
  try {
    return ticksIn(readFileSync('/proc/stat', 'latin1'))
  } catch {
    return { steal: 0, all: 0 }
  }
}

/** Of all processors: user nice system idle iowait irq softirq steal. What guests take is in user already. */
export function ticksIn(stat: string): Ticks {
  const [line = ''] = stat.split('\n', 1)
  const counted = line.split(/\s+/).slice(1, 9).map(Number)
  return { steal: counted[7] ?? 0, all: counted.reduce((sum, each) => sum + each, 0) }
}
