import { parseArgs } from 'node:util'
import type { Disk } from './peers/outcome.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'

export interface Settings {
  readonly chosen: readonly Scenario[]
  /** A server that is there already; without, each scenario starts its own. */
  readonly url: string | undefined
  readonly key: string | undefined
  /** Seconds of each measurement of a scenario. */
  readonly secondsOf: (scenario: Scenario) => number
  /** Where the report goes; its JSON lies beside it. */
  readonly out: string
  /** Where the first plot goes, as a picture by itself. */
  readonly plot: string | undefined
  readonly budget: string | undefined
  /** How it is compared with servers that one would write instead; where that is not asked for, not at all. */
  readonly peers: { readonly rounds: number; readonly disk: Disk } | undefined
}

const names = scenarios.map(({ name, title, alone, seconds }) => {
  const long = alone === undefined ? '' : ` (${alone} s by itself, ${seconds} s in the set)`
  return `  ${name.padEnd(22)} ${title}${long}\n`
})

export const help = `npm run load -- [options]

Starts servers and a Redis of its own, runs all scenarios, and writes a report. Ends with 1 where a budget is breached.

  --scenario NAME        only this one; may be given several times
  --url URL              run against a server that is there, by scenarios that kill nothing
  --key KEY              its API key; of an operator, to see /metrics too
  --duration SECONDS     of each measurement in a scenario
  --quick                a third of the usual durations
  --out FILE             the report (load-report.html); JSON beside it
  --plot FILE            its first plot by itself, as SVG
  --budget FILE          instead of load/budget.json
  --peers                beside servers that one would write instead, and no scenario but those named; see load/peers/
  --disk                 with --peers: Redis writes its journal to disk every second, for all of them

Scenarios:
${names.join('')}`

/** @throws Error that says what an option takes */
export function readSettings(args: readonly string[]): Settings | undefined {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: flag,
      quick: flag,
      scenario: { type: 'string', multiple: true },
      url: text,
      key: text,
      duration: text,
      out: text,
      plot: text,
      budget: text,
      peers: flag,
      disk: flag,
    },
  })
  if (values.help) return undefined
  const { url, key, budget, plot, quick = false, out = 'load-report.html' } = values
  if (url !== undefined && !/^https?:\/\//.test(url))
    throw new Error(`--url is ${url}, expected http://… or https://…`)
  if (key !== undefined && url === undefined)
    throw new Error('--key is of the server at --url, which is missing')
  if (!out.endsWith('.html')) throw new Error(`--out is ${out}, expected the name of an .html file`)
  if (plot !== undefined && !plot.endsWith('.svg'))
    throw new Error(`--plot is ${plot}, expected the name of an .svg file`)
  const duration = values.duration === undefined ? undefined : secondsIn(values.duration)
  if (values.disk && !values.peers) throw new Error('--disk is for --peers, which is missing')
  const asked = values.scenario?.map(scenarioCalled) ?? (values.peers ? [] : undefined)
  const usual = ({ seconds, alone = seconds }: Scenario) => (asked === undefined ? seconds : alone)
  return {
    url,
    key,
    budget,
    out,
    plot,
    peers: values.peers
      ? { rounds: quick ? 3 : 7, disk: values.disk ? 'every second' : 'nothing' }
      : undefined,
    chosen: asked ?? (url === undefined ? scenarios : scenarios.filter(killsNothing)),
    secondsOf: (scenario) => duration ?? usual(scenario) / (quick ? 3 : 1),
  }
}

function scenarioCalled(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name)
  const all = scenarios.map((scenario) => scenario.name).join(', ')
  if (found === undefined) throw new Error(`--scenario is ${name}, expected one of ${all}`)
  return found
}

const killsNothing = ({ kind }: Scenario): boolean => kind !== 'cold' && kind !== 'interrupted'

function secondsIn(given: string): number {
  const seconds = Number(given)
  if (!(seconds >= 1 && seconds <= 86_400))
    throw new Error(`--duration is ${given}, expected seconds from 1 to 86400`)
  return seconds
}
