import { writeFile } from 'node:fs/promises'
import { arithmetic, silence } from './arithmetic.ts'
import { copies } from './copies.ts'
import { edge } from './edge.ts'
import { embeddings } from './embeddings.ts'
import { footprint } from './footprint.ts'
import { hostile } from './hostile.ts'
import { kernels } from './kernels.ts'
import { latency } from './latency.ts'
import { describeMachine } from './machine.ts'
import { matrices } from './matrices.ts'
import { memory } from './memory.ts'
import { goalTable, isMet, printTable, type Report, recordsOf } from './report.ts'
import { help, type Part, readSettings, type Settings } from './settings.ts'
import { wholeSteps } from './steps.ts'
import { onRedis } from './stores.ts'
import { tails } from './tails.ts'
import { uplink } from './uplink.ts'

/** In this order: first what is measured in a process that nothing else has filled or warmed. */
const parts: readonly {
  readonly name: string
  readonly of: Part
  readonly run: (settings: Settings) => Promise<Report>
}[] = [
  { name: 'latency', of: 'kernels', run: latency },
  { name: 'event loop and memory', of: 'kernels', run: footprint },
  { name: 'copies', of: 'kernels', run: copies },
  { name: 'chains', of: 'kernels', run: kernels },
  { name: 'arithmetic', of: 'kernels', run: arithmetic },
  { name: 'matrices', of: 'kernels', run: matrices },
  { name: 'embeddings', of: 'kernels', run: embeddings },
  { name: 'silent parameters', of: 'kernels', run: silence },
  { name: 'whole steps', of: 'steps', run: wholeSteps },
  { name: 'edge', of: 'edge', run: edge },
  { name: 'tails', of: 'tails', run: tails },
  { name: 'redis', of: 'redis', run: onRedis },
  { name: 'uplink', of: 'redis', run: uplink },
  { name: 'memory', of: 'memory', run: memory },
  { name: 'hostile', of: 'hostile', run: hostile },
]

try {
  const settings = readSettings(process.argv.slice(2))
  if (settings === undefined) process.stdout.write(help)
  else await bench(settings)
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}

async function bench(settings: Settings): Promise<void> {
  const machine = await describeMachine()
  print(
    Object.entries(machine)
      .map(([name, value]) => `${name}: ${value}`)
      .join('\n'),
  )
  const reports: Report[] = []
  for (const { name, run } of parts.filter(
    (part) => settings.only === undefined || part.of === settings.only,
  )) {
    settings.say(name)
    try {
      const report = await run(settings)
      for (const table of report.tables) print(printTable(table))
      reports.push(report)
    } catch (error) {
      // The other parts are worth having all the same.
      print(`${name} failed: ${error instanceof Error ? error.stack : error}`)
      process.exitCode = 1
    }
  }
  const goals = reports.flatMap((report) => report.goals)
  if (goals.length > 0) print(printTable(goalTable(goals)))
  if (settings.json === undefined) return
  const tables = reports.flatMap((report) => report.tables)
  const found = {
    machine,
    tables: tables.map(({ title, notes, ...table }) => ({ title, notes, rows: recordsOf(table) })),
    goals: goals.map((goal) => ({ ...goal, met: isMet(goal) })),
  }
  await writeFile(settings.json, `${JSON.stringify(found, undefined, 2)}\n`)
}

function print(text: string): void {
  process.stdout.write(`${text}\n\n`)
}
