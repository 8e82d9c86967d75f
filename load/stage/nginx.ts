import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/redis.ts'

export interface Nginx {
  readonly url: string
  readonly version: string
  readonly stop: () => Promise<void>
}

const template = fileURLToPath(new URL('../../../server/deploy/nginx.conf', import.meta.url))

/**
 * nginx in front of servers on these ports. All requests of a session go to one of them, chosen by a consistent hash of
 * its id; of one that does not answer they go to the next.
 */
export async function startNginx(ports: readonly number[]): Promise<Nginx> {
  const version = versionOf()
  const folder = await mkdtemp(join(tmpdir(), 'stepd-nginx-'))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  await writeFile(file, await settings(port, ports))
  // Workers of root would be another user, for whom the folder is closed.
  const user = process.getuid?.() === 0 ? ['-g', `user ${userInfo().username};`] : []
  const child = spawn('nginx', ['-p', folder, '-c', file, '-e', 'stderr', ...user], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.on('data', (bytes: Buffer) => {
    log = (log + bytes).slice(-4000)
  })
  const gone = once(child, 'exit')
  const kill = () => child.kill('SIGTERM')
  process.once('exit', kill)
  const stop = async () => {
    process.off('exit', kill)
    kill()
    await gone
    await rm(folder, { recursive: true, force: true })
  }
  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + 10_000
  while (!(await answers(url))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new Error(`nginx did not start:\n${log}`)
    }
    await sleep(50)
  }
  return { url, version, stop }
}

/** Installed where it is missing, as Redis is for the tests; else it says how. */
function versionOf(): string {
  const ask = () => /nginx\/(\S+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr ?? '')?.[1]
  const found = ask()
  if (found !== undefined) return found
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  process.stderr.write('nginx is not installed: installing it with apt-get\n')
  if (process.getuid?.() === 0)
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'nginx-light']])
      spawnSync('apt-get', args, { env })
  const installed = ask()
  if (installed === undefined)
    throw new Error('Cannot find nginx in PATH: install it, for instance with: apt-get install nginx-light')
  return installed
}

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2000) }).then(
    ({ ok }) => ok,
    () => false,
  )

/** The proxy's settings that are deployed, for servers on these ports of loopback instead of names that are looked up. */
async function settings(port: number, ports: readonly number[]): Promise<string> {
  const deployed = await readFile(template, 'utf8')
  const found: string[] = []
  const here = deployed
    .replace(/^ *resolver .*$/m, '')
    .replace(/^ *listen 8080;$/m, `listen 127.0.0.1:${port};`)
    .replace(/server stepd-\d+:8080 resolve/g, (each) => {
      found.push(each)
      return `server 127.0.0.1:${ports[found.length - 1]}`
    })
  if (found.length !== ports.length || !here.includes(`listen 127.0.0.1:${port};`))
    throw new Error(
      `Cannot use ${template}: it has ${found.length} servers, expected ${ports.length}, and a line "listen 8080;"`,
    )
  return here
}
