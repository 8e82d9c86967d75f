import { Native } from './native.ts'
import { chains, planOf, values } from './plans.ts'
import type { Report } from './report.ts'
import { type Contender, inRounds, median, timed } from './rounds.ts'
import type { Settings } from './settings.ts'
import { tensorsOf, wasmContender } from './wasm.ts'

const times = 5

/** What this machine's memory gives: the measure of passes that do little arithmetic. */
export async function copies({ size, rounds }: Settings): Promise<Report> {
  const numbers = values(size, Math.sin)
  const inputs = { gradients: tensorsOf(numbers), parameters: tensorsOf(numbers) }
  const plan = planOf(chains.copy, [size])
  const memory = new WebAssembly.Memory({
    initial: Math.ceil((4 * size) / 65536),
    maximum: 65536,
    shared: true,
  })
  const shared = new Uint8Array(memory.buffer, 0, 4 * size)
  const [from, to] = [new Uint8Array(numbers.buffer), new Uint8Array(4 * size)]
  const contendersWith = (native: Native): Contender[] => [
    native.contender('memcpy in C, 1 thread', 'copy', [size, 1], 1, times),
    native.contender('memcpy in C, 2 threads', 'copy', [size, 1], 2, times),
    wasmContender('identity() on the engine, 1 thread', plan, 1, times, inputs),
    wasmContender('identity() on the engine, 2 threads', plan, 2, times, inputs),
    inJs('set() in JS: array to array', () => to.set(from)),
    inJs('set() in JS: into shared memory, as gradients go', () => shared.set(from)),
    inJs('set() in JS: out of shared memory', () => to.set(shared)),
    inJs('new array out of shared memory', () => Uint8Array.from(shared)),
  ]
  const { names, results } = await Native.with(async (native) => {
    const contenders = contendersWith(native)
    return { names: contenders.map(({ name }) => name), results: await inRounds(contenders, rounds) }
  })
  const bytes = 8 * size
  return {
    tables: [
      {
        title: `Copies of ${(4 * size) / 2 ** 20} MiB`,
        columns: ['what', 'ms', 'GB/s'],
        rows: names.map((name) => [name, results.median(name), bytes / results.median(name) / 1e6]),
        notes: ['GB/s: read and written, both counted'],
      },
    ],
    goals: [],
  }
}

const inJs = (name: string, work: () => void): Contender => ({
  name,
  async run() {
    const spent: number[] = []
    for (let k = 0; k < times; k++) spent.push(await timed(work))
    return { ms: median(spent) }
  },
  close: () => {},
})
