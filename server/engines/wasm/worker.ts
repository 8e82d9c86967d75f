import { parentPort } from 'node:worker_threads'
import { instantiate, type Run } from './modules.ts'
import type { Forget, Job } from './threads.ts'

const memories = new Map<number, WebAssembly.Memory>()
const modules = new Map<number, WebAssembly.Module>()
/** By arena, then by module. */
const entries = new Map<number, Map<number, Run>>()

function entryOf({ arena, module }: Job): { run: Run; memory: WebAssembly.Memory } {
  if (arena.memory !== undefined) memories.set(arena.id, arena.memory)
  if (module.module !== undefined) modules.set(module.id, module.module)
  const memory = memories.get(arena.id)
  const code = modules.get(module.id)
  if (memory === undefined || code === undefined)
    throw new Error(`Arena ${arena.id} or module ${module.id} was never sent`)
  const own = entries.get(arena.id) ?? new Map<number, Run>()
  entries.set(arena.id, own)
  const run = own.get(module.id) ?? instantiate(code, memory)
  own.set(module.id, run)
  return { run, memory }
}

/** Take tasks until there are none: all workers on one list. */
parentPort?.on('message', (job: Job | Forget) => {
  if ('forget' in job) {
    memories.delete(job.forget)
    entries.delete(job.forget)
    return
  }
  try {
    const { run, memory } = entryOf(job)
    const words = new Int32Array(memory.buffer, job.tasks, 4 * job.count + 1)
    const counter = 4 * job.count
    for (let i = Atomics.add(words, counter, 1); i < job.count; i = Atomics.add(words, counter, 1)) {
      const at = 4 * i
      run(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0)
    }
    parentPort?.postMessage({ id: job.id })
  } catch (error) {
    parentPort?.postMessage({ id: job.id, error })
  }
})
