import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Contender, median } from './rounds.ts'

/** `sqrtf` sets errno without the third, and no loop with it becomes a vector's. */
export const flags: readonly string[] = ['-O3', '-msse4.1', '-fno-math-errno']

/** From dist/load/bench, where this runs, to where the C is. */
const sources = ['kernels.c', 'driver.c'].map((file) =>
  fileURLToPath(new URL(`../../../load/bench/${file}`, import.meta.url)),
)

/** The loops of kernels.c, as a process of its own that times itself. */
export class Native {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(child: ChildProcess, answers: AsyncIterator<string>) {
    this.#child = child
    this.#answers = answers
  }

  /** Built for some work, and gone after it. @throws Error where there is no gcc, or it does not like the sources */
  static async with<T>(work: (native: Native) => Promise<T>): Promise<T> {
    const native = await Native.#build()
    try {
      return await work(native)
    } finally {
      native.#close()
    }
  }

  static async #build(): Promise<Native> {
    const folder = await mkdtemp(join(tmpdir(), 'stepd-bench-'))
    const program = join(folder, 'kernels')
    await promisify(execFile)('gcc', [...flags, ...sources, '-o', program, '-lm', '-lpthread'])
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child, 'spawn')
    // It runs on without its file, and nothing is left behind however this ends.
    await rm(folder, { recursive: true })
    const lines = createInterface({ input: child.stdout })
    return new Native(child, lines[Symbol.asyncIterator]())
  }

  contender(
    name: string,
    loop: string,
    shape: readonly [number, number],
    threads: number,
    steps: number,
  ): Contender {
    const [elements, row] = shape
    return {
      name,
      run: async () => {
        this.#child.stdin?.write(`${loop} ${elements} ${row} ${threads} ${steps}\n`)
        const { value, done } = await this.#answers.next()
        if (done) throw new Error(`The C program ended at ${loop} with ${elements} elements`)
        return { ms: median(JSON.parse(value) as number[]) }
      },
      close: () => {},
    }
  }

  #close(): void {
    this.#child.stdin?.end()
  }
}
