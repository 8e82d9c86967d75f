import type { Scalars } from '../../compiler/scalars.ts'
import type { WasmProgram } from './program.ts'
import type { Run } from './run.ts'

/** Sessions of an engine whose buffers are kept: those used last. */
const most = 256

/** The buffers of a session's steps, laid out once for all that follow and are of the same program. */
export class Kept {
  readonly #all: Set<Kept>
  #of: { readonly program: WasmProgram; readonly run: Run } | undefined
  #busy = false

  /** @param all those of the engine that have any */
  constructor(all: Set<Kept>) {
    this.#all = all
  }

  /** The scalars of the step before, if it was of this program. */
  of(program: WasmProgram): Scalars | undefined {
    return this.#of?.program === program ? this.#of.run.scalars : undefined
  }

  /** For a step, to be followed by `end`. */
  begin(program: WasmProgram, make: () => Run): Run {
    if (this.#of?.program !== program) {
      this.forget()
      this.#of = { program, run: make() }
    }
    this.#busy = true
    // Who was used last is asked once there are many.
    if (this.#all.size > most / 2) this.#all.delete(this)
    this.#all.add(this)
    if (this.#all.size > most) [...this.#all].find((other) => !other.#busy)?.forget()
    return this.#of.run
  }

  end(): void {
    this.#busy = false
  }

  /** Give the buffers back: not while a step uses them. */
  forget(): void {
    this.#of?.run.end()
    this.#of = undefined
    this.#all.delete(this)
  }
}
