import { instantiate } from '../../server/engines/wasm/modules.ts'
import { writeMultiply } from '../../server/engines/wasm/routines/matrix.ts'
import { Native } from './native.ts'
import { atLeast, type Report } from './report.ts'
import { type Contender, inRounds, median, timed } from './rounds.ts'
import type { Settings } from './settings.ts'

const n = 1024
const times = 3

/** The product of two matrices, of which muon is made: on one thread, against the same loop in C. */
export async function matrices({ rounds }: Settings): Promise<Report> {
  const results = await Native.with((native) =>
    inRounds([product(), native.contender('C', 'product', [n * n, n], 1, times)], rounds),
  )
  const row = (who: string) => [who, results.median(who), (2 * n ** 3) / results.median(who) / 1e6]
  const share = 1 / results.ratio('wasm', 'C')
  return {
    tables: [
      {
        title: `A product of matrices, ${n} × ${n} float32, one thread`,
        columns: ['by', 'ms', 'GFLOP/s'],
        rows: [row('wasm'), row('C')],
        notes: [
          'C: four rows by eight columns in registers, gcc as above; the right one in panels, for both',
        ],
      },
    ],
    goals: [atLeast('product of matrices: speed / that of C', share, 0.6)],
  }
}

/** The engine's kernel over a memory of its own. */
function product(): Contender {
  const bytes = 4 * n * n
  const memory = new WebAssembly.Memory({ initial: 1 + (4 * bytes) / 65536, maximum: 65536, shared: true })
  const [block, a, b, c] = [64, 65536, 65536 + bytes, 65536 + 2 * bytes]
  const numbers = new Float32Array(memory.buffer, a, 2 * n * n)
  for (let i = 0; i < numbers.length; i++) numbers[i] = Math.sin(i)
  new Uint32Array(memory.buffer, block).set([n, n, a, b, c, c])
  new Float32Array(memory.buffer, block + 24).set([1, 0])
  const run = instantiate(new WebAssembly.Module(writeMultiply()), memory)
  return {
    name: 'wasm',
    async run() {
      const spent: number[] = []
      for (let k = 0; k < times; k++) spent.push(await timed(async () => run(block, 0, n, 0)))
      return { ms: median(spent) }
    },
    close: () => {},
  }
}
