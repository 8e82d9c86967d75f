import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { readConfig } from '../../server/config.ts'
import { ServerProcess } from '../process.ts'
import { freePort } from '../redis.ts'
import { placeOf, readStages, source } from './files.ts'

// What can be known of the images without building them: server/deploy/test-image.sh builds and runs them.

const stages = readStages()
const stage = (name: string) => {
  const found = stages.find((one) => one.name === name)
  assert.ok(found !== undefined, `There is no stage ${name}`)
  return found
}
const settings = (name: string) => new Map(stage(name).does.map((one) => [one.name, one.rest]))
const targets = ['cpu', 'gpu']

test('base images are pinned, to a digest where one is known', () => {
  const own = new Set(stages.map(({ name }) => name))
  const bases = stages.map(({ from }) => from).filter((from) => !own.has(from))
  assert.equal(bases.length, 3)
  for (const base of bases)
    assert.match(base, /^(node|debian):\S+@sha256:[0-9a-f]{64}$|^nvidia\/cuda:12\.\d+\.\d+-\S+$/)
})

test('what is copied is there, and is not ignored', () => {
  const copied = stages.flatMap(({ does }) =>
    does
      .filter(({ name, rest }) => name === 'COPY' && !rest.includes('--from'))
      .flatMap(({ rest }) => rest.split(' ').slice(0, -1)),
  )
  assert.ok(copied.length > 5)
  for (const path of copied) {
    assert.ok(existsSync(placeOf(path)), `${path} is not there`)
    assert.ok(!ignored(path), `${path} is in .dockerignore`)
  }
  for (const path of ['node_modules', '.git', 'dist', 'data', 'keys.json', 'test', 'server/README.md'])
    assert.ok(ignored(path), `${path} would go into the context`)
})

/** As Docker reads .dockerignore: the last line that matches counts, and a folder has what is in it. */
function ignored(path: string): boolean {
  const lines = source('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const last = lines.filter((line) => patternOf(line.replace('!', '')).test(path)).at(-1)
  return last !== undefined && !last.startsWith('!')
}

function patternOf(line: string): RegExp {
  const parts = line.replaceAll('.', '\\.').split('**/')
  return new RegExp(`^${parts.map((part) => part.replaceAll('*', '[^/]*')).join('(.*/)?')}(/|$)`)
}

test('every step of the build is one of install.sh', () => {
  const script = source('server/deploy/install.sh')
  const runs = stages.flatMap(({ does }) => does.filter(({ name }) => name === 'RUN'))
  const steps = runs.flatMap(({ rest }) => /install\.sh (\w+)/.exec(rest)?.[1] ?? [])
  assert.deepEqual(steps, ['packages', 'compile', 'assemble', 'tools', 'tensorflow', 'addon'])
  for (const step of steps) assert.match(script, new RegExp(`^  ([\\w| ]+ )?${step}( \\| \\w+)?\\)`, 'm'))
  const { status, stderr } = spawnSync(placeOf('server/deploy/install.sh'), ['deploy'], { encoding: 'utf8' })
  assert.equal(status, 2)
  assert.match(stderr, /no step deploy: packages, compile/)
})

test('both run as nobody in particular, stop by SIGTERM, and start what is built', () => {
  for (const name of targets) {
    const found = settings(name)
    assert.equal(found.get('USER'), '10001:10001')
    assert.equal(found.get('STOPSIGNAL'), 'SIGTERM')
    assert.equal(
      found.get('ENTRYPOINT'),
      '["node", "--max-semi-space-size=8", "--enable-source-maps", "dist/server/main.js"]',
    )
    assert.match(found.get('HEALTHCHECK') ?? '', /CMD \["node", "health\.js"\]$/)
    const env = Object.fromEntries((found.get('ENV') ?? '').split(' ').map((pair) => pair.split('=')))
    const { host, store } = readConfig({ ...env, NODE_ENV: undefined })
    assert.deepEqual([host, store], ['0.0.0.0', `lmdb:${found.get('VOLUME')}`])
  }
  assert.equal(stages.at(-1)?.name, 'cpu')
})

test('the health check tells a server that answers from none', async () => {
  const check = (env: Record<string, string>) =>
    spawnSync(process.execPath, [placeOf('server/deploy/health.js')], { env, encoding: 'utf8' })
  const server = await ServerProcess.start({ STEPD_STORE: 'memory:' })
  try {
    const { port } = new URL(server.url)
    for (const host of ['0.0.0.0', '127.0.0.1'])
      assert.equal(check({ STEPD_PORT: port, STEPD_HOST: host }).status, 0)
    // TLS is asked of one that does not speak it.
    assert.equal(check({ STEPD_PORT: port, STEPD_TLS_CERT: 'cert.pem' }).status, 1)
  } finally {
    await server.stop()
  }
  const { status, stderr } = check({ STEPD_PORT: String(await freePort()) })
  assert.equal(status, 1)
  assert.match(stderr, /ECONNREFUSED/)
})
