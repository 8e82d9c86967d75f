import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { referenceEngine } from '../../server/engines/reference.ts'
import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { repositoryRoot } from '../vectors/load.ts'
import { drawCase, judge } from './case.ts'
import { times } from './chains.ts'
import { Oracle } from './oracle.ts'
import { Report } from './report.ts'

const usage = `Compare random chains with the Optax that is installed beside this.

    npm run test:optax -- [--chains 2000] [--seed 1] [--only <index>] [--processes <count>]

--only runs one chain of those of the seed. --processes is how many of Python answer, one a core if left out.`

/** Chains that a Python process may be ahead. */
const ahead = 4

const { values } = parseArgs({
  options: {
    chains: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    processes: { type: 'string', default: String(availableParallelism()) },
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
  const processes = Math.max(1, whole('processes', values.processes))
  const only = values.only === undefined ? undefined : whole('only', values.only)
  const indexes = only === undefined ? Array.from({ length: chains }, (_, i) => i) : [only]
  const here = join(repositoryRoot(), 'test', 'optax')
  const python = values.python ?? join(here, '.venv', 'bin', 'python')
  const oracles = times(
    Math.min(processes, indexes.length),
    () => new Oracle(python, join(here, 'oracle.py')),
  )
  const engines = { reference: referenceEngine(), wasm: wasmEngine({ threads: 1 }) }
  try {
    const [version = ''] = await Promise.all(oracles.map(({ ready }) => ready))
    const report = new Report(seed, indexes.length, version)
    const waiting = indexes.map((index) => drawCase(seed, index))
    // Whoever answers first takes the next: chains take from a second to a minute.
    const work = async (oracle: Oracle): Promise<void> => {
      for (let drawn = waiting.shift(); drawn !== undefined; drawn = waiting.shift())
        report.add(drawn, await judge(drawn, oracle, engines))
    }
    await Promise.all(oracles.flatMap((oracle) => times(ahead, () => work(oracle))))
    report.end()
    return report.failed ? 1 : 0
  } finally {
    for (const oracle of oracles) oracle.close()
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
