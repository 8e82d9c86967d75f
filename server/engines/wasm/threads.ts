import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Arena } from './arena.ts'
import { type Compiled, runIn } from './modules.ts'

/** A call of a kernel. */
export interface Task {
  readonly block: number
  readonly begin: number
  readonly end: number
  readonly partials: number
}

/** Elements up to which a pass is run where it is asked for: a hop between threads would cost more. */
const small = 1 << 17

/** An arena that is no longer used. */
export interface Forget {
  readonly forget: number
}

export interface Job {
  readonly id: number
  readonly arena: { readonly id: number; readonly memory?: WebAssembly.Memory }
  readonly module: { readonly id: number; readonly module?: WebAssembly.Module }
  /** Addresses of the tasks, four words each, and of the counter by which threads share them. */
  readonly tasks: number
  readonly count: number
  readonly counter: number
}

/** Runs the tasks of a pass: small ones at once, large ones on worker threads, which leaves the event loop free. */
export class Threads {
  readonly #count: number
  #workers: Helper[] | undefined
  /** For what cannot be cut into tasks: passes of others would wait for it. */
  #apart: Helper | undefined
  #jobs = 0

  constructor(count: number) {
    this.#count = count
  }

  run(
    arena: Arena,
    module: Compiled,
    tasks: readonly Task[],
    elements: number,
    apart = false,
  ): Promise<void> | undefined {
    if (elements > small) return this.#share(arena, module, tasks, apart ? this.#alone() : this.#all())
    const run = runIn(arena, module)
    for (const { block, begin, end, partials } of tasks) run(block, begin, end, partials)
    return undefined
  }

  #all(): readonly Helper[] {
    this.#workers ??= Array.from({ length: this.#count }, () => new Helper())
    return this.#workers
  }

  #alone(): readonly Helper[] {
    this.#apart ??= new Helper()
    return [this.#apart]
  }

  /** All threads that there are. */
  #started(): readonly Helper[] {
    return [...(this.#workers ?? []), ...(this.#apart === undefined ? [] : [this.#apart])]
  }

  async #share(
    arena: Arena,
    module: Compiled,
    tasks: readonly Task[],
    workers: readonly Helper[],
  ): Promise<void> {
    const at = arena.take(16 * tasks.length + 4)
    if (at === undefined) throw new Error('The list of tasks does not fit in 4 GiB with the session')
    try {
      const words = new Int32Array(arena.memory.buffer, at, 4 * tasks.length + 1)
      for (const [i, { block, begin, end, partials }] of tasks.entries())
        words.set([block, begin, end, partials], 4 * i)
      words[4 * tasks.length] = 0
      const job = { id: this.#jobs++, tasks: at, count: tasks.length, counter: at + 16 * tasks.length }
      await Promise.all(workers.map((worker) => worker.run(job, arena, module)))
    } finally {
      arena.give(at)
    }
  }

  /** Let go of an arena's memory. */
  forget(arena: Arena): void {
    for (const worker of this.#started()) worker.forget(arena)
  }

  async close(): Promise<void> {
    await Promise.all(this.#started().map((worker) => worker.close()))
  }
}

/** A worker thread, and what it has been given. */
class Helper {
  readonly #worker = new Worker(fileURLToPath(new URL('./worker.js', import.meta.url)))
  readonly #arenas = new Set<number>()
  readonly #modules = new Set<number>()
  readonly #waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()

  constructor() {
    this.#worker.unref()
    this.#worker.on('message', ({ id, error }: { id: number; error?: Error }) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve()
      else waiting?.reject(error)
    })
    this.#worker.on('error', (error) => {
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
    })
  }

  run(job: Pick<Job, 'id' | 'tasks' | 'count' | 'counter'>, arena: Arena, compiled: Compiled): Promise<void> {
    const { memory } = arena
    const message: Job = {
      ...job,
      arena: this.#arenas.has(arena.id) ? { id: arena.id } : { id: arena.id, memory },
      module: this.#modules.has(compiled.id) ? { id: compiled.id } : compiled,
    }
    this.#arenas.add(arena.id)
    this.#modules.add(compiled.id)
    return new Promise((resolve, reject) => {
      this.#waiting.set(job.id, { resolve, reject })
      this.#worker.postMessage(message)
    })
  }

  forget({ id }: Arena): void {
    if (this.#arenas.delete(id)) this.#worker.postMessage({ forget: id } satisfies Forget)
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}
