import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Packr } from 'msgpackr'

const packr = new Packr({ useRecords: false })
const main = fileURLToPath(new URL('../server/main.js', import.meta.url))
/** Where others have the processors, starting takes long. */
const startLimit = 120_000
/** The flags that `npm start` has. */
const asStarted = ['--max-semi-space-size=8', '--enable-source-maps'] as const

interface Reply {
  readonly status: number
  /** Decoded by its own Content-Type; of a file, nothing. */
  readonly body: Record<string, unknown>
  readonly raw: Buffer
}

/** One request, over a connection, and its answer. */
export async function exchange(
  url: string,
  method: string,
  body?: object,
  limits: { readonly signal?: AbortSignal } = {},
): Promise<Reply> {
  const content =
    body === undefined
      ? {}
      : { body: new Uint8Array(packr.pack(body)), headers: { 'content-type': 'application/msgpack' } }
  const answer = await fetch(url, { method, ...content, ...limits })
  const raw = Buffer.from(await answer.arrayBuffer())
  const type = answer.headers.get('content-type') ?? ''
  if (type.includes('json')) return { status: answer.status, body: JSON.parse(raw.toString()), raw }
  return { status: answer.status, body: type.includes('msgpack') ? packr.unpack(raw) : {}, raw }
}

/** A server as a process of its own, on a free port. */
export class ServerProcess {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  /** @param flags of node: by default those of `npm start` */
  static async start(
    env: Record<string, string>,
    flags: readonly string[] = asStarted,
  ): Promise<ServerProcess> {
    const child = spawn(process.execPath, [...flags, main], {
      env: { ...process.env, STEPD_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let log = ''
    child.stderr.on('data', (data) => {
      log += data
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), startLimit)
    const url = await firstUrl(child.stdout, (line) => {
      log += `${line}\n`
    })
    clearTimeout(timer)
    if (url === undefined) throw new Error(`The server did not start:\n${log}`)
    // Enough lines read, what they came from is paused: a full pipe would hold up the server.
    child.stdout.resume()
    return new ServerProcess(child, url)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  send(method: string, path: string, body?: object): Promise<Reply> {
    return exchange(`${this.url}${path}`, method, body)
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** End the process and wait until it is gone; what it exited with. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode
    const gone = once(this.#child, 'exit')
    this.#child.kill(signal)
    const [code] = await gone
    return code as number | null
  }
}

/** Where a server says that it listens; undefined where it ends before. */
async function firstUrl(output: Readable, note: (line: string) => void): Promise<string | undefined> {
  for await (const line of createInterface({ input: output })) {
    note(line)
    const url = /Server listening at (https?:[^"]+)"/.exec(line)?.[1]
    if (url !== undefined) return url
  }
  return undefined
}
