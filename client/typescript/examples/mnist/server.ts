import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../../server/main.js', import.meta.url))
const START_MS = 20_000
const STOP_MS = 10_000

export interface Server {
  readonly url: string
  /** Rejects when the server ends by itself; never resolves. */
  readonly failed: Promise<never>
  /** Stop the server and remove its temporary folder. */
  stop(): Promise<void>
}

/** Start a server of our own on a free port, with the embedded store in a temporary folder unless one is named. */
export async function startServer(options: {
  store?: string | undefined
  engine?: string | undefined
  /** Whose pages may use it. */
  origins?: readonly string[]
}): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'stepd-mnist-'))
  const { store = `lmdb:${folder}`, engine = 'auto', origins = [] } = options
  const child = spawn(process.execPath, ['--enable-source-maps', MAIN], {
    env: {
      ...process.env,
      STEPD_HOST: '127.0.0.1',
      STEPD_PORT: '0',
      STEPD_STORE: store,
      STEPD_ENGINE: engine,
      STEPD_CORS_ORIGINS: origins.join(','),
      STEPD_LOG_LEVEL: 'info', // It logs its address at this level.
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4000)
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(`ended with ${signal ?? `code ${code}`}`))
  })
  const failed = ended.then((how): never => {
    throw new Error(`The server ${how}. Its stderr:\n${stderr || '(empty)'}`)
  })
  failed.catch(() => {}) // Whoever waits for it hears of it; after stop() nobody does.

  const stop = async (): Promise<void> => {
    await end(child, ended)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const url = await Promise.race([listening(child), failed, late(() => stderr)])
    return { url, failed, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The address that the server logs once it is ready. */
const listening = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    if (child.stdout === null) return
    createInterface(child.stdout).on('line', (line) => {
      const [, url] = /Server listening at (http:\/\/[^\s"]+)/.exec(line) ?? []
      if (url !== undefined) resolve(url)
    })
  })

const late = (stderr: () => string): Promise<never> =>
  new Promise((_, reject) => {
    const fail = (): void =>
      reject(
        new Error(`The server was not up within ${START_MS / 1000} s. Its stderr:\n${stderr() || '(empty)'}`),
      )
    setTimeout(fail, START_MS).unref()
  })

/** Ask the server to close; end it when it takes too long. */
async function end(child: ChildProcess, ended: Promise<string>): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}
