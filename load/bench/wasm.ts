import type { Plan } from '../../server/compiler/plan.ts'
import type { Engine, Replica, StepInput, Tensors } from '../../server/engines/engine.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { Threads } from '../../server/engines/wasm/threads.ts'
import { type Contender, median, timed } from './rounds.ts'

/** Of the step taken last: how long its passes took, and how large the memory was that they ran over. */
export const observed = { ms: 0, arenaBytes: 0 }

/** How often each pass is run in a step; the median counts. More than once, it is measured as a loop of C is. */
let repeats = 1

// The engine says nothing of its inside, and need not. So its passes are watched where all of them come by: with
// their way to the threads and back, without what comes before and after.
const { run } = Threads.prototype
Threads.prototype.run = function (...work) {
  const since = performance.now()
  observed.arenaBytes = work[0].memory.buffer.byteLength
  if (repeats > 1) return repeated(() => run.apply(this, work))
  const stop = () => {
    observed.ms += performance.now() - since
  }
  const running = run.apply(this, work)
  if (running === undefined) stop()
  return running?.finally(stop)
}

async function repeated(pass: () => Promise<void> | undefined): Promise<void> {
  const spent: number[] = []
  for (let k = 0; k < repeats; k++) spent.push(await timed(pass))
  observed.ms += median(spent)
}

export interface Inputs {
  readonly gradients: Tensors
  readonly parameters: Tensors
}

/** A session on an engine of its own. */
export class WasmSession {
  readonly #plan: Plan
  readonly #engine: Engine
  readonly #options: Float64Array
  #replica: Replica | undefined

  constructor(plan: Plan, threads: number) {
    this.#plan = plan
    this.#engine = wasmEngine({ threads })
    this.#options = Float64Array.from(plan.options.values())
  }

  /** Milliseconds of the passes alone, `ms`, and of all of `step()`: gradients copied in, updates left where they are. */
  async step({ gradients, parameters }: Inputs, times = 1): Promise<{ ms: number; step: number }> {
    this.#replica ??= await this.#engine.open(this.#plan, { options: this.#options })
    const input: StepInput = {
      plan: this.#plan,
      gradients,
      options: this.#options,
      want: { dtype: 'F32', of: 'updates' },
      ...(this.#plan.needs.parameters ? { parameters } : {}),
    }
    observed.ms = 0
    repeats = times
    const replica = this.#replica
    const step = await timed(async () => {
      const { lease } = await replica.step(input)
      lease?.release()
    })
    return { ms: observed.ms, step }
  }

  async close(): Promise<void> {
    this.#replica?.close()
    await this.#engine.close()
  }
}

/** `ms`: passes run in a row. `step`: all of a step, and `within`, the passes as they are run in it. */
export function wasmContender(
  name: string,
  plan: Plan,
  threads: number,
  times: number,
  inputs: Inputs,
): Contender {
  const session = new WasmSession(plan, threads)
  return {
    name,
    async run() {
      const whole: { ms: number; step: number }[] = []
      for (let k = 0; k < 3; k++) whole.push(await session.step(inputs))
      const { ms } = await session.step(inputs, times)
      return { ms, within: median(whole.map((one) => one.ms)), step: median(whole.map(({ step }) => step)) }
    },
    close: () => session.close(),
  }
}

export const tensorsOf = (numbers: Float32Array): Tensors => ({
  dtype: 'F32',
  parts: [new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)],
})
