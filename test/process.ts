import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Packr } from 'msgpackr'

const packr = new Packr({ useRecords: false })
const main = fileURLToPath(new URL('../server/main.js', import.meta.url))
const startLimit = 30_000

/** A server as a process of its own, on a free port. */
export class ServerProcess {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  static async start(env: Record<string, string>): Promise<ServerProcess> {
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, STEPD_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let log = ''
    child.stderr.on('data', (data) => {
      log += data
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), startLimit)
    for await (const line of createInterface({ input: child.stdout })) {
      log += `${line}\n`
      const url = /Server listening at (http:[^"]+)"/.exec(line)?.[1]
      if (url === undefined) continue
      clearTimeout(timer)
      child.stdout.resume()
      return new ServerProcess(child, url)
    }
    clearTimeout(timer)
    throw new Error(`The server did not start:\n${log}`)
  }

  async send(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const content =
      body === undefined
        ? {}
        : { body: new Uint8Array(packr.pack(body)), headers: { 'content-type': 'application/msgpack' } }
    const answer = await fetch(`${this.url}${path}`, { method, ...content })
    const bytes = Buffer.from(await answer.arrayBuffer())
    const json = answer.headers.get('content-type')?.includes('json')
    return { status: answer.status, body: json ? JSON.parse(bytes.toString()) : packr.unpack(bytes) }
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
