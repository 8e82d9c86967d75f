/**
 * Builds the client of every language and proves it against one live server: `npm run test:clients`;
 * `LANGUAGES="go rust" npm run test:clients`, of those only.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { addKey } from '../../server/http/keys.ts'
import { ServerProcess } from '../process.ts'
import { type Breaks, breakAlso, breakEverywhere, breakTheCut, startBreakingProxy } from './breaks.ts'
import { languages } from './languages/index.ts'
import {
  answers,
  built,
  type Command,
  execute,
  type Language,
  players,
  writeExample,
} from './languages/language.ts'
import { playScenario, scenarioFile } from './scenario.ts'

let server: ServerProcess
/** One that asks for keys, and a key of it. */
let keyed: ServerProcess
let key: string
let expected: Uint8Array
const everywhere = join(players, 'everywhere.json')
let stepped: Uint8Array
before(async () => {
  await mkdir(built, { recursive: true })
  const keysFile = join(built, 'keys.json')
  await rm(keysFile, { force: true })
  key = await addKey(keysFile, 'clients')
  server = await ServerProcess.start({ STEPD_STORE: 'memory:' })
  keyed = await ServerProcess.start({ STEPD_STORE: 'memory:', STEPD_KEYS_FILE: keysFile })
  expected = await through(breakTheCut(), (url) => playScenario(url, 'typescript'))
  stepped = await through(breakEverywhere(), (url) => playScenario(url, 'typescript', everywhere))
})
after(() => Promise.all([server.stop(), keyed.stop()]))

async function through<T>(breaks: Breaks, work: (url: string) => Promise<T>, to = server): Promise<T> {
  const proxy = await startBreakingProxy(Number(new URL(to.url).port), breaks)
  try {
    return await work(proxy.url)
  } finally {
    await proxy.stop()
  }
}

async function endsAlike(
  { run, ...rest }: Command,
  breaks: Breaks,
  prefix: string,
  to = server,
  [file, bytes] = [scenarioFile, expected],
): Promise<void> {
  const out = join(built, `${prefix}.bin`)
  await through(breaks, (url) => execute({ ...rest, run: [...run, url, prefix, file, out] }), to)
  assert.deepEqual(await readFile(out), bytes)
}

/** Those that are here. */
const present: Language[] = []
const chosen = (process.env.LANGUAGES ?? '').split(' ').filter((name) => name !== '')
for (const language of languages.filter(({ folder }) => chosen.length === 0 || chosen.includes(folder))) {
  const { name, folder, tools, play: player, example, tests = [] } = language
  const found = await Promise.all(tools.map(answers))
  const missing = tools.filter((_, i) => found[i] === false).map(([program]) => program)
  // Where everything can be installed nothing may be left out.
  const skip = missing.length > 0 && process.env.CI === undefined && `${missing.join(', ')} not installed`
  if (skip === false) present.push(language)
  describe(name, { skip }, () => {
    before(() => language.build())

    if (player !== undefined) {
      it('ends the scenario with the bytes of the TypeScript client', () =>
        endsAlike(player, breakTheCut(), `${folder}-quiet`))

      it('does so over connections of which one request in five loses its own', async () => {
        for (const seed of [1, 2, 3]) await endsAlike(player, breakAlso(0.2, seed), `${folder}-${seed}`)
      })

      it('steps on wherever an answer is cut', () =>
        endsAlike(player, breakEverywhere(), `${folder}-everywhere`, server, [everywhere, stepped]))

      it('ends the scenario with an API key, and is refused without', async () => {
        const named = { ...player, env: { ...player.env, STEPD_API_KEY: key } }
        await endsAlike(named, breakTheCut(), `${folder}-keyed`, keyed)
        await assert.rejects(endsAlike(player, breakTheCut(), `${folder}-keyless`, keyed), /unauthenticated/)
      })
    }

    it('runs the example of its page', async () => {
      await writeExample(language, server.url)
      let printed = ''
      for (const command of example.commands) printed += await execute(command)
      assert.match(printed, /1\.?0* +2\.?0* +3\.?0* +4/)
    })

    for (const { what, command } of tests)
      it(`passes the tests of ${what}`, async () => {
        const servers = { STEPD_URL: server.url, STEPD_KEYED_URL: keyed.url, STEPD_API_KEY: key }
        await execute({ ...command, env: { ...command.env, ...servers } })
      })
  })
}

describe('all together', () => {
  it('make the steps of one session, and end with the same bytes', async () => {
    const file = join(players, 'together.json')
    const others = present.flatMap(({ play: player = [] }) => player)
    const workers = others.length + 1
    const all = (url: string) =>
      Promise.all([
        playScenario(url, 'together', file, { worker: 0, workers }),
        ...others.map(async ({ run, ...rest }, i) => {
          const out = join(built, `together-${i}.bin`)
          await execute({ ...rest, run: [...run, url, 'together', file, out, `${i + 1}`, `${workers}`] })
          return readFile(out)
        }),
      ])
    const [first, ...rest] = await through(breakAlso(0.2, 7), all)
    assert.equal(first?.length, 17 * 4)
    for (const bytes of rest) assert.deepEqual(bytes, first)
  })

  const [python, go] = ['python', 'go'].map((folder) =>
    present.find((language) => language.folder === folder),
  )
  const skip = (python === undefined || go === undefined) && 'Python and Go are not both here'
  it('two workers of PyTorch and one of Go share a session, and end with the same bytes', {
    skip,
  }, async () => {
    const file = join(players, 'several.json')
    const commands = [python?.adapter, python?.adapter, go?.play].flatMap((command) => command ?? [])
    assert.equal(commands.length, 3)
    const play = ({ run, ...rest }: Command, i: number, url: string) => {
      const out = join(built, `several-${i}.bin`)
      return execute({ ...rest, run: [...run, url, 'several', file, out, `${i}`, '3'] }).then(() =>
        readFile(out),
      )
    }
    const [first, ...rest] = await through(breakAlso(0.2, 11), (url) =>
      Promise.all(commands.map((command, i) => play(command, i, url))),
    )
    assert.equal(first?.length, 17 * 4)
    for (const bytes of rest) assert.deepEqual(bytes, first)
  })
})
