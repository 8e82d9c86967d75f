import type { Tensor } from '../../../expression/index.ts'
import type { Compiled } from '../modules.ts'
import type { Task } from '../threads.ts'

/** What a routine works with: memory for the course of a step, and kernels that run in it. */
export interface Bench {
  readonly memory: WebAssembly.Memory
  take(bytes: number): number
  /** The module of a kernel that is `run(block, begin, end, partials)`. */
  compile(bytes: Uint8Array<ArrayBuffer>): Compiled
  /**
   * `work` is about how many elements a pass would treat in that time. `apart`: on a thread of its own, for a task that
   * takes long.
   */
  run(module: Compiled, tasks: readonly Task[], work: number, apart?: boolean): Promise<void>
}

/** A routine on one tensor: arguments are scalars, or addresses of arrays of float32; the result goes to `to`. */
export type RunRoutine<R> = (
  bench: Bench,
  routine: R,
  args: readonly number[],
  to: number,
  tensor: Tensor,
  /** Of an argument. */
  of: (arg: number) => Tensor,
) => Promise<void>

/** Words in memory. */
export function noted(bench: Bench, words: readonly number[]): number {
  const at = bench.take(4 * words.length)
  new Uint32Array(bench.memory.buffer, at, words.length).set(words)
  return at
}

/** Tasks of so many each; with `width` bytes of partials for each. */
export function split(block: number, total: number, each: number, partials = 0, width = 0): Task[] {
  return Array.from({ length: Math.ceil(total / each) }, (_, k) => ({
    block,
    begin: k * each,
    end: Math.min(total, (k + 1) * each),
    partials: partials + k * width,
  }))
}
