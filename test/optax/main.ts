import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { referenceEngine } from '../../server/engines/reference.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { repositoryRoot } from '../vectors/load.ts'
import { drawCase, judge } from './case.ts'
import { Oracle } from './oracle.ts'
import { Report } from './report.ts'

const usage = `Compare random chains with the Optax that is installed beside this.

    npm run test:optax -- [--chains 2000] [--seed 1] [--only <index>]

--only runs one chain of those of the seed, and shows its inputs and answers.`

/** Chains that Python may be ahead. */
const ahead = 4

const { values } = parseArgs({
  options: {
    chains: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    python: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<number> {
  if (values.help) {
    console.log(usage)
    return 0
  }
  const [seed, chains] = [whole('seed', values.seed), whole('chains', values.chains)]
  const only = values.only === undefined ? undefined : whole('only', values.only)
  const indexes = only === undefined ? Array.from({ length: chains }, (_, i) => i) : [only]
  const here = join(repositoryRoot(), 'test', 'optax')
  const oracle = new Oracle(values.python ?? join(here, '.venv', 'bin', 'python'), join(here, 'oracle.py'))
  const engines = { reference: referenceEngine(), wasm: wasmEngine({ threads: 1 }) }
  try {
    const report = new Report(seed, indexes.length, await oracle.ready)
    const cases = indexes.map((index) => drawCase(seed, index))
    const outcomes: ReturnType<typeof judge>[] = []
    for (const [n, drawn] of cases.entries()) {
      for (let next = outcomes.length; next < Math.min(n + ahead, cases.length); next++)
        outcomes.push(judge(cases[next] ?? drawn, oracle, engines))
      report.add(drawn, await (outcomes[n] as ReturnType<typeof judge>))
    }
    report.end()
    return report.failed ? 1 : 0
  } finally {
    oracle.close()
    await engines.wasm.close()
  }
}

function whole(name: string, text: string): number {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 0)
    throw new Error(`--${name} is ${text}, expected a whole number\n\n${usage}`)
  return n
}

process.exitCode = await main()
