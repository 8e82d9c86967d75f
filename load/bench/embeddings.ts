import { chains, planOf, values } from './plans.ts'
import type { Report } from './report.ts'
import { type Contender, inRounds, median } from './rounds.ts'
import type { Settings } from './settings.ts'
import { type Inputs, tensorsOf, WasmSession } from './wasm.ts'

const width = 64

/** A step about one row in a hundred of an embedding, against one about all of them. */
export async function embeddings({ size, rounds }: Settings): Promise<Report> {
  const count = Math.max(100, Math.floor((4 * size) / width))
  const rows = Int32Array.from({ length: Math.floor(count / 100) }, (_, i) => (i * 7919) % count).sort()
  const session = new WasmSession(planOf(chains.adam, [count, width]), 2)
  const contender = (name: string, inputs: Inputs): Contender => ({
    name,
    async run() {
      const steps: number[] = []
      for (let k = 0; k < 3; k++) steps.push((await session.step(inputs)).step)
      return { ms: median(steps) }
    },
    close: () => {},
  })
  const whole = tensorsOf(values(count * width, Math.sin))
  const some = { ...tensorsOf(values(rows.length * width, Math.sin)), rows: [rows] }
  const names = { whole: `all ${count} rows`, some: `${rows.length} rows` }
  const results = await inRounds(
    [
      contender(names.whole, { gradients: whole, parameters: whole }),
      contender(names.some, { gradients: some, parameters: some }),
    ],
    rounds,
  )
  await session.close()
  const parts = results.ratio(names.whole, names.some)
  return {
    tables: [
      {
        title: `Steps of Adam on an embedding of ${count} × ${width}, 2 threads, gradients copied in`,
        columns: ['gradient', 'ms', 'all to these'],
        rows: [
          [names.whole, results.median(names.whole), 1],
          [names.some, results.median(names.some), parts],
        ],
      },
    ],
    goals: [],
  }
}
