export interface Status {
  readonly epoch: number
  readonly epochs: number
  readonly step: number
  readonly steps: number
  /** Of this step's batch. */
  readonly loss: number
  readonly smoothed: number
}

const WIDTH = 24
const EVERY_MS = { bar: 100, line: 5000 }

/** Progress on stderr: a bar in place on a terminal, else a line now and then. */
export class Progress {
  readonly #out = process.stderr
  readonly #begin = performance.now()
  #next = 0

  show(status: Status): void {
    const now = performance.now()
    if (now < this.#next && status.step < status.steps) return
    this.#next = now + (this.#out.isTTY ? EVERY_MS.bar : EVERY_MS.line)
    const text = describe(status, (now - this.#begin) / 1000)
    // To the line's start, the text, and the rest of the line cleared.
    this.#out.write(this.#out.isTTY ? `\r${bar(status)} ${text}\x1b[K` : `${text}\n`)
  }

  /** Leave the bar standing and go on below it. */
  end(): void {
    if (this.#out.isTTY && this.#next > 0) this.#out.write('\n')
  }
}

function describe({ epoch, epochs, step, steps, smoothed }: Status, seconds: number): string {
  const perSecond = step / seconds
  const left = Math.ceil((steps - step) / perSecond)
  const clock = `${Math.floor(left / 60)}:${`${left % 60}`.padStart(2, '0')}`
  const share = `${Math.floor((100 * step) / steps)}`.padStart(3)
  return `${share} %  epoch ${epoch}/${epochs}  step ${step}/${steps}  loss ${smoothed.toFixed(4)}  ${perSecond.toFixed(1)} steps/s  ${clock} left`
}

function bar({ step, steps }: Status): string {
  const eighths = Math.round((8 * WIDTH * step) / steps)
  const last = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8] ?? ''
  return `▕${('█'.repeat(eighths >> 3) + last).padEnd(WIDTH)}▏`
}
