import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect } from '../../client/typescript/index.ts'
import { readBudget } from '../../load/budget.ts'
import { runScenario } from '../../load/run.ts'
import { scenarios } from '../../load/scenarios.ts'
import { ServerProcess } from '../process.ts'

const main = fileURLToPath(new URL('../../load/main.js', import.meta.url))

/** Counts and not times: the machine has other tests to run meanwhile. */
const counts = { 'every scenario': readBudget()['every scenario'] ?? {} }

const key = 'key-of-the-test'

const load = async (...args: readonly string[]) => {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [said, error] = ['', '']
  child.stdout.on('data', (data) => {
    said += data
  })
  child.stderr.on('data', (data) => {
    error += data
  })
  const [code] = (await once(child, 'exit')) as [number]
  return { code, said, error }
}

describe('load as a program', { timeout: 240_000 }, () => {
  let folder: string
  let server: ServerProcess
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stepd-load-'))
    const keys = [createHash('sha256').update(key).digest('hex')]
    const file = join(folder, 'keys.json')
    await writeFile(file, JSON.stringify({ tenants: { load: { keys, operator: true } } }))
    server = await ServerProcess.start({ STEPD_STORE: 'memory:', STEPD_KEYS_FILE: file })
  })
  after(async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const against = async (budget: object, ...more: readonly string[]) => {
    const [out, file] = [join(folder, 'report.html'), join(folder, 'budget.json')]
    await writeFile(file, JSON.stringify(budget))
    const settings = ['--url', server.url, '--key', key, '--duration', '1', '--out', out, '--budget', file]
    const run = await load('--scenario', 'small-steady', ...settings, ...more)
    const json = JSON.parse(await readFile(out.replace('.html', '.json'), 'utf8'))
    return { ...run, page: await readFile(out, 'utf8'), json }
  }

  it('runs against a server that is there, and writes a report with its data beside it', async () => {
    const { code, error, page, json } = await against(counts)
    assert.equal(code, 0, error)
    assert.match(page, /<title>Latency over load<\/title>/)
    assert.match(page, /Where the time goes/)
    assert.match(page, /All 3 budgets are met/)
    const [{ figures, section }] = json.results
    assert.deepEqual([figures.errors, figures.lost_steps, figures.doubled_steps], [0, 0, 0])
    assert.equal(section.tables[0].rows.length, 5)
    assert.ok(section.tables[0].rows.every((row: number[]) => Number(row[2]) > 0))
    assert.ok(figures.memory_growth > 0, 'an operator sees the memory')
    assert.deepEqual((await connect(server.url, { key }).sessions()).sessions, [])
  })

  it('fails where a budget is breached, and says which', async () => {
    const { code, page, json } = await against({ ...counts, 'small-steady': { p99_over_p50: { most: 0.5 } } })
    assert.equal(code, 1)
    assert.match(page, /1 of 4 budgets are breached/)
    assert.match(page, /<td>small-steady<\/td><td>p99_over_p50<\/td>.*BREACHED/)
    assert.equal(json.good, false)
  })

  it('says what it takes', async () => {
    const { code, said } = await load('--help')
    assert.equal(code, 0)
    for (const { name } of scenarios) assert.ok(said.includes(name), name)
    assert.match((await load('--scenario', 'none')).error, /--scenario is none, expected one of small-steady/)
    assert.match((await load('--duration', '0')).error, /--duration is 0, expected seconds/)
  })

  it('kills nothing at an address that is given', async () => {
    const scenario = scenarios.find(({ name }) => name === 'proxy-kill')
    assert.ok(scenario)
    const settings = { url: server.url, key: undefined, secondsOf: () => 1 }
    const { failed, verdicts } = await runScenario(scenario, settings, counts)
    assert.match(String(failed), /cannot run at an address that is given/)
    assert.ok(verdicts.every(({ met }) => !met))
  })
})

describe('scenarios', { timeout: 240_000, concurrency: 1 }, () => {
  const run = async (name: string, seconds: number, sessions?: number) => {
    const found = scenarios.find((one) => one.name === name)
    assert.ok(found)
    const scenario = { ...found, sessions: sessions ?? found.sessions }
    const settings = { url: undefined, key: undefined, secondsOf: () => seconds }
    const result = await runScenario(scenario, settings, counts)
    assert.equal(result.failed, undefined)
    assert.deepEqual(
      result.verdicts.filter(({ met }) => !met),
      [],
    )
    return result
  }

  it('one of two servers behind a proxy is killed: no step is lost or taken twice', async () => {
    const { figures, section } = await run('proxy-kill', 10)
    assert.equal(figures.wrong_sessions, 0)
    assert.ok(Number.isFinite(figures.recovery_s), 'throughput came back')
    assert.deepEqual(
      section.plots.map(({ title }) => title),
      ['Steps acknowledged', 'Latency'],
    )
  })

  it('a server comes back from the store', async () => {
    const { section } = await run('cold-start', 1, 8)
    assert.equal(section.tables[0]?.rows.length, 3)
  })

  it('eight workers make each step', async () => {
    const { figures } = await run('shared-session', 1)
    assert.equal(figures.odd_rounds, 0)
  })

  it('many steps at once are all taken', async () => {
    const { figures } = await run('burst', 2)
    assert.ok((figures.worst_over_ideal ?? 0) > 0)
  })
})
