import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { explore, type Found } from './explore.ts'

const help = `npm run test:simulation -- [options]

  --runs 100000   interleavings to go through
  --first 1       seed of the first; seed n is the same run every time
`

interface Share {
  readonly first: number
  readonly runs: number
}

const every = 500

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { help: { type: 'boolean' }, runs: text, first: text } })
  if (values.help) return void process.stdout.write(help)
  const [runs, first] = [Number(values.runs ?? 100_000), Number(values.first ?? 1)]
  if (!(Number.isInteger(runs) && runs > 0 && Number.isInteger(first)))
    throw new Error(`--runs is ${values.runs} and --first ${values.first}, expected whole numbers`)
  const threads = availableParallelism()
  const each = Math.ceil(runs / threads)
  let done = 0
  const found = await Promise.all(
    Array.from({ length: threads }, (_, k) =>
      inThread({ first: first + k * each, runs: Math.min(each, runs - k * each) }, () => {
        done += every
        process.stderr.write(`\r${done} of ${runs}`)
      }),
    ),
  )
  const sum = (of: (one: Found) => number) => found.reduce((total, one) => total + of(one), 0)
  const wrong = found.flatMap((one) => one.wrong ?? [])
  process.stdout.write(
    `\n${sum((one) => one.runs)} interleavings, ${sum((one) => one.events)} calls, ` +
      `${sum((one) => one.crashes)} crashes, ${sum((one) => one.faults)} faults; ${wrong.length} wrong\n`,
  )
  for (const one of wrong) process.stdout.write(`seed ${one.seed}, ${one.scenario}: ${one.violation}\n`)
  if (wrong.length > 0) process.exitCode = 1
}

function inThread(share: Share, progress: () => void): Promise<Found> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share })
    worker.on('message', (message: Found | 'progress') => {
      if (message === 'progress') progress()
      else resolve(message)
    })
    worker.on('error', reject)
  })
}

if (isMainThread) await main()
else
  parentPort?.postMessage(
    await explore(workerData as Share, (done) => {
      if (done % every === 0) parentPort?.postMessage('progress')
    }),
  )
