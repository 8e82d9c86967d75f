import { parseArgs } from 'node:util'
import { fuzz } from './run.ts'

const help = `npm run test:fuzz -- [options]

  --inputs 1000000   bodies, mutated and random, that are thrown at a server of its own
  --seed 1           which ones
`

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { help: { type: 'boolean' }, inputs: text, seed: text } })
if (values.help) process.stdout.write(help)
else {
  const [count, seed] = [Number(values.inputs ?? 1_000_000), Number(values.seed ?? 1)]
  if (!(Number.isInteger(count) && count > 0 && Number.isInteger(seed)))
    throw new Error(`--inputs is ${values.inputs} and --seed ${values.seed}, expected whole numbers`)
  await fuzz(count, seed)
}
