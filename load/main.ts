import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { printTable } from './bench/report.ts'
import { breaches, budgetTable, readBudget } from './budget.ts'
import { method } from './method.ts'
import { peersResult } from './peers/run.ts'
import { htmlOf, svgOf } from './report/html.ts'
import type { Section } from './report/report.ts'
import { type Result, runScenario } from './run.ts'
import { help, readSettings, type Settings } from './settings.ts'

// What was started is ended on the way out.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  const settings = readSettings(process.argv.slice(2))
  if (settings === undefined) process.stdout.write(help)
  else await load(settings)
} catch (error) {
  process.stderr.write(`load: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}

async function load(settings: Settings): Promise<void> {
  const budget = readBudget(settings.budget)
  const results: Result[] = []
  for (const scenario of settings.chosen) {
    const result = await runScenario(scenario, settings, budget)
    for (const table of result.section.tables) process.stdout.write(`${printTable(table)}\n\n`)
    results.push(result)
  }
  if (settings.peers !== undefined) {
    const result = await peersResult(settings.peers, budget)
    for (const table of result.section.tables) process.stdout.write(`${printTable(table)}\n\n`)
    results.push(result)
  }
  const verdicts = results.flatMap((result) => result.verdicts)
  const breached = verdicts.filter(({ met }) => !met)
  const tables = [...(breached.length > 0 ? [breaches(verdicts)] : []), budgetTable(verdicts)]
  for (const table of tables) process.stdout.write(`${printTable(table)}\n\n`)
  const machine = describeMachine(settings)
  const good = breached.length === 0
  const text = good
    ? `All ${verdicts.length} budgets are met.`
    : `${breached.length} of ${verdicts.length} budgets are breached.`
  const sections: Section[] = [
    { title: 'Budget', notes: [], tables, plots: [] },
    ...results.map(({ section }) => section),
    method,
  ]
  const json = settings.out.replace(/\.html$/, '.json')
  await writeFile(
    settings.out,
    htmlOf({ title: 'stepd under load', verdict: { good, text }, machine }, sections),
  )
  await writeFile(json, `${JSON.stringify({ machine, good, results }, undefined, 2)}\n`)
  const [plot] = results.flatMap(({ section }) => section.plots)
  if (settings.plot !== undefined && plot !== undefined) await writeFile(settings.plot, svgOf(plot))
  process.stderr.write(`${text} Report: ${settings.out}, ${json}\n`)
  if (!good) process.exitCode = 1
}

function describeMachine({ url }: Settings): Readonly<Record<string, string>> {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    machine: `${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    software: `Node ${process.version}`,
    server: url ?? 'started here, on the machine of the generator: both share its cores',
  }
}
