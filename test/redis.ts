import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { ensureRedis } from './setup.ts'

export interface RedisServer {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** A client beside the store's, to look at what it keeps. */
  readonly client: () => Redis
  /** SIGKILL: nothing more is written. */
  readonly kill: () => Promise<void>
  /** Start again on the same port and folder. */
  readonly restart: () => Promise<void>
  /** End it and remove its folder. */
  readonly stop: () => Promise<void>
}

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

const ended = (child: ChildProcess): Promise<unknown> =>
  child.exitCode === null && child.signalCode === null
    ? new Promise((resolve) => child.once('exit', resolve))
    : Promise.resolve()

/** A server of its own for a test: loopback, a free port, a folder that goes with it. */
export const startRedis = async (options: Readonly<Record<string, string>> = {}): Promise<RedisServer> => {
  ensureRedis()
  const dir = await mkdtemp(join(tmpdir(), 'stepd-redis-'))
  const port = await freePort()
  const settings = { bind: '127.0.0.1', port: String(port), dir, save: '', appendonly: 'no', ...options }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const url = `redis://127.0.0.1:${port}`
  const client = () => new Redis(url, { maxRetriesPerRequest: 1 })

  const launch = async (): Promise<ChildProcess> => {
    const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let log = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        log = (log + bytes).slice(-4000)
      })
    }
    const deadline = Date.now() + 20_000
    while (!/Ready to accept connections/.test(log)) {
      if (child.exitCode !== null) throw new Error(`redis-server ended at once:\n${log}`)
      if (Date.now() > deadline) throw new Error(`redis-server is not ready after 20 s:\n${log}`)
      await sleep(20)
    }
    return child
  }

  let child = await launch()
  // A test that ends without stopping it, by an error of its own, leaves no server behind.
  const reap = () => void child.kill('SIGKILL')
  process.once('exit', reap)
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await ended(child)
  }
  return {
    url,
    port,
    get pid() {
      return child.pid ?? 0
    },
    client,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGKILL')
      child = await launch()
    },
    stop: async () => {
      process.off('exit', reap)
      await end('SIGKILL')
      await rm(dir, { recursive: true, force: true })
    },
  }
}
