import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

const startLimit = 60_000
const running = new Set<Child>()
process.once('exit', () => {
  for (const child of running) child.kill()
})
// Being in groups of their own they are not told.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** A program, with all processes that it starts. */
export class Child {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #log = ''

  constructor(
    run: readonly string[],
    where: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ) {
    const [program = '', ...args] = run
    // A group of its own: its workers end with it, also where they would not by themselves.
    const child = spawn(program, args, {
      ...where,
      env: { ...process.env, ...where.env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once('exit', resolve)
      child.once('error', (error) => {
        this.#note(String(error))
        resolve(undefined)
      })
    })
    child.stderr?.on('data', (data) => this.#note(String(data)))
    running.add(this)
    this.#ended.then(() => running.delete(this))
  }

  /** What it prints, line by line. */
  get lines(): AsyncIterator<string> {
    return createInterface({ input: this.#child.stdout as Readable })[Symbol.asyncIterator]()
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** Wait for a line of a form; what its group is. */
  async says(pattern: RegExp): Promise<string> {
    const input = this.#child.stdout as Readable
    const timer = setTimeout(() => this.kill(), startLimit)
    try {
      for await (const line of createInterface({ input })) {
        const [, found] = pattern.exec(line) ?? []
        if (found !== undefined) return found
      }
      throw this.giveUp()
    } finally {
      clearTimeout(timer)
      input.resume()
    }
  }

  /** Wait until it does what shows that it is there. */
  async shows(sign: () => Promise<boolean>): Promise<void> {
    this.#child.stdout?.resume()
    const deadline = Date.now() + startLimit
    while (!(await sign())) {
      if (!running.has(this) || Date.now() > deadline) throw this.giveUp()
      await sleep(100)
    }
  }

  /** End it; an error with what it printed. */
  giveUp(): Error {
    this.kill()
    return new Error(`${this.#child.spawnargs.join(' ')} did not do what it was to:\n${this.#log}`)
  }

  async stop(): Promise<void> {
    this.kill()
    await this.#ended
  }

  kill(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // It has gone by itself.
    }
  }

  #note(text: string): void {
    this.#log = (this.#log + text).slice(-4000)
  }
}

/** Whether there is someone at a port of this machine. */
export const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.once('connect', () => socket.destroy())
    socket.once('error', () => resolve(false))
  })

/** Whether there is an answer, in a second. */
export const answers = (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(1000) }).then(
    ({ ok }) => ok,
    () => false,
  )

const sources = join(import.meta.dirname, '..', '..', '..', 'load', 'peers')

/** A program of a folder beside this file, by the interpreter that its set-up installed. */
export function python(folder: string): { readonly python: string; readonly cwd: string } {
  const cwd = join(sources, folder)
  const interpreter = join(cwd, '.venv', 'bin', 'python')
  if (!existsSync(interpreter)) throw new Error(`it is set up by load/peers/${folder}/setup.sh`)
  return { python: interpreter, cwd }
}
