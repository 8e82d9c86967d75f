import { parseArgs } from 'node:util'
import { chaos } from './run.ts'
import { type Tally, told } from './tally.ts'

const help = `npm run test:chaos -- [options]

  --kills 1000   servers to kill
  --seed 1       what is done, to whom and in which order; when the processes get there no seed decides
`

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { help: { type: 'boolean' }, kills: text, seed: text } })
if (values.help) process.stdout.write(help)
else {
  const [kills, seed] = [Number(values.kills ?? 1000), Number(values.seed ?? 1)]
  if (!(Number.isInteger(kills) && kills > 0 && Number.isInteger(seed)))
    throw new Error(`--kills is ${values.kills} and --seed ${values.seed}, expected whole numbers`)
  const start = performance.now()
  const show = (tally: Tally) => process.stderr.write(`\r\x1b[K${told(tally)}`)
  const tally = await chaos({ kills, seed }, show).catch((error: unknown) => {
    throw new Error(`seed ${seed} goes wrong`, { cause: error })
  })
  const seconds = Math.round((performance.now() - start) / 1000)
  process.stdout.write(`\nseed ${seed}, ${seconds} s: ${told(tally)}; no step lost, none taken twice\n`)
}
