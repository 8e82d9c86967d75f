import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../redis.ts'
import { ensureNginx } from '../setup.ts'

const source = fileURLToPath(new URL('../../../server/deploy/nginx.conf', import.meta.url))
const limit = 10_000

/** A line of the proxy's log: one request. */
export interface Passed {
  readonly session: string
  readonly method: string
  readonly status: number
  /** Addresses of the servers that were tried, and what each answered. */
  readonly server: string
  readonly tried: string
}

export interface Nginx {
  readonly url: string
  /** What it passed on for sessions whose ids begin so, once that is so many requests: it notes them when they are over. */
  readonly log: (prefix: string, count: number) => Promise<readonly Passed[]>
  /** Most memory that one of its workers had, in bytes. */
  readonly memory: () => Promise<number>
  /** Files that it wrote bodies to. */
  readonly files: () => Promise<readonly string[]>
  readonly stop: () => Promise<void>
}

/** The proxy of server/deploy on a free port, in front of servers at these ports of loopback. */
export async function startNginx(ports: readonly number[]): Promise<Nginx> {
  ensureNginx()
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'stepd-nginx-'))
  // Its workers are of another user.
  await chmod(folder, 0o755)
  const [file, written] = [join(folder, 'nginx.conf'), join(folder, 'log')]
  await writeFile(file, placed(await readFile(source, 'utf8'), port, ports))
  const log = openSync(written, 'a')
  const path = `${process.env.PATH}:/usr/sbin`
  const child = spawn('nginx', ['-p', folder, '-c', file], {
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH: path },
  })
  const ended = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  for (const begin = Date.now(); !(await answers(url)); await sleep(20)) {
    if (child.exitCode === null && Date.now() - begin < limit) continue
    const said = await readFile(written, 'utf8')
    await stop()
    throw new Error(`nginx did not start: ${said}`)
  }
  return {
    url,
    log: async (prefix, count) => {
      for (const begin = Date.now(); ; await sleep(20)) {
        const lines = (await readFile(written, 'utf8')).split('\n').filter(isRequest).map(readLine)
        const passed = lines.filter(({ session }) => session.startsWith(prefix))
        if (passed.length >= count) return passed
        if (Date.now() - begin > limit)
          throw new Error(`The proxy noted ${passed.length} requests for ${prefix}, expected ${count}`)
      }
    },
    memory: () => memoryOf(child.pid ?? 0),
    files: async () =>
      (
        await Promise.all(['body', 'proxy'].map((name) => readdir(join(folder, name), { recursive: true })))
      ).flat(),
    stop,
  }
}

/** The configuration as it is but for where things are. */
function placed(text: string, port: number, ports: readonly number[]): string {
  const names = /( +server )stepd-\d:8080 resolve( .*\n)/g
  const server = names.exec(text)
  const resolver = /\n +resolver .*\n/.exec(text)?.[0]
  if (server === null || resolver === undefined || !text.includes('listen 8080;'))
    throw new Error(`${source} has not the lines that say where it listens, and for whom`)
  const [, before = '', after = ''] = server
  const servers = ports.map((at) => `${before}127.0.0.1:${at}${after}`).join('')
  const [first = '', ...rest] = text.split(names).filter((_, i) => i % 3 === 0)
  return `${first}${servers}${rest.join('')}`
    .replace(resolver, '\n')
    .replace('listen 8080;', `listen 127.0.0.1:${port};`)
}

const isRequest = (line: string): boolean => line.startsWith('{') && line.endsWith('}')
const readLine = (line: string): Passed => JSON.parse(line) as Passed

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/metrics`).then(
    async (answer) => {
      await answer.arrayBuffer()
      return true
    },
    () => false,
  )

async function memoryOf(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  const most = await Promise.all(
    children
      .trim()
      .split(' ')
      .map(async (worker) => {
        const [, kib = '0'] = /VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${worker}/status`, 'utf8')) ?? []
        return Number(kib) * 1024
      }),
  )
  return Math.max(...most)
}
