import { parentPort } from 'node:worker_threads'
import { instantiate, type Run } from './modules.ts'
import type { Job } from './threads.ts'

const memories = new Map<number, WebAssembly.Memory>()
const modules = new Map<number, WebAssembly.Module>()
const entries = new Map<string, Run>()

function entryOf({ arena, module }: Job): { run: Run; memory: WebAssembly.Memory } {
  if (arena.memory !== undefined) memories.set(arena.id, arena.memory)
  if (module.module !== undefined) modules.set(module.id, module.module)
  const memory = memories.get(arena.id)
  const code = modules.get(module.id)
  if (memory === undefined || code === undefined)
    throw new Error(`Arena ${arena.id} or module ${module.id} was never sent`)
  const key = `${arena.id} ${module.id}`
  const run = entries.get(key) ?? instantiate(code, memory)
  entries.set(key, run)
  return { run, memory }
}

/** Take tasks until there are none: all workers on one list. */
parentPort?.on('message', (job: Job) => {
  try {
    const { run, memory } = entryOf(job)
    const words = new Int32Array(memory.buffer, job.tasks, 4 * job.count + 1)
    for (
      let i = Atomics.add(words, 4 * job.count, 1);
      i < job.count;
      i = Atomics.add(words, 4 * job.count, 1)
    ) {
      const [block = 0, begin = 0, end = 0, partials = 0] = words.subarray(4 * i, 4 * i + 4)
      run(block, begin, end, partials)
    }
    parentPort?.postMessage({ id: job.id })
  } catch (error) {
    parentPort?.postMessage({ id: job.id, error })
  }
})
