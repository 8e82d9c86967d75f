import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
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
  /** Start again on the same port and folder, and wait until its log says that it is ready. */
  readonly restart: (ready?: RegExp) => Promise<void>
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

/** A client beside the store's, to look at what a server keeps. */
const clientOf = (port: number) => new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 1 })

/** Ask a server by a connection of its own. */
export const ask = async (
  server: { readonly client: () => Redis },
  command: string,
  ...args: readonly (string | number)[]
): Promise<unknown> => {
  const client = server.client()
  try {
    return await client.call(command, ...args)
  } finally {
    client.disconnect()
  }
}

/** A test that ends without stopping them, by an error of its own, leaves no server behind. */
const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

interface Running {
  readonly pid: number
  readonly end: (signal: NodeJS.Signals) => Promise<void>
}

/** Start `redis-server`, and wait until it says that it is `ready`. */
const launch = async (args: readonly string[], ready: RegExp): Promise<Running> => {
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  const end = async (signal: NodeJS.Signals) => {
    children.delete(child)
    child.kill(signal)
    await ended(child)
  }
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      log = (log + bytes).slice(-4000)
    })
  }
  const deadline = Date.now() + 20_000
  while (!ready.test(log)) {
    if (child.exitCode !== null) throw new Error(`redis-server ended at once:\n${log}`)
    if (Date.now() > deadline) {
      await end('SIGKILL')
      throw new Error(`redis-server is not ready after 20 s:\n${log}`)
    }
    await sleep(20)
  }
  return { pid: child.pid ?? 0, end }
}

/** A sentinel that watches the master `name` at `port`, and takes it for dead after 500 ms. */
export const startSentinel = async (name: string, port: number, quorum: number) => {
  ensureRedis()
  const dir = await mkdtemp(join(tmpdir(), 'stepd-sentinel-'))
  const own = await freePort()
  const file = join(dir, 'sentinel.conf')
  const settings = [
    `bind 127.0.0.1\nport ${own}\ndir ${dir}`,
    `sentinel monitor ${name} 127.0.0.1 ${port} ${quorum}`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 3000`,
  ]
  await writeFile(file, `${settings.join('\n')}\n`)
  const { end } = await launch([file, '--sentinel'], /\+monitor master/)
  const stop = async () => {
    await end('SIGKILL')
    await rm(dir, { recursive: true, force: true })
  }
  return { port: own, client: () => clientOf(own), stop }
}

/** A server of its own for a test: loopback, a free port, a folder that goes with it. */
export const startRedis = async (options: Readonly<Record<string, string>> = {}): Promise<RedisServer> => {
  ensureRedis()
  const dir = await mkdtemp(join(tmpdir(), 'stepd-redis-'))
  const port = await freePort()
  const settings = { bind: '127.0.0.1', port: String(port), dir, save: '', appendonly: 'no', ...options }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])

  // One that loads its file says so to whoever asks, and a test may want to.
  const start = (ready = /Ready to accept connections/) => launch(args, ready)
  let running = await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return running.pid
    },
    client: () => clientOf(port),
    kill: () => running.end('SIGKILL'),
    restart: async (ready) => {
      await running.end('SIGKILL')
      running = await start(ready)
    },
    stop: async () => {
      await running.end('SIGKILL')
      await rm(dir, { recursive: true, force: true })
    },
  }
}
