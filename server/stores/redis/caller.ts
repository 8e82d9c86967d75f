import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { FORMAT } from '../codec.ts'
import { StateLost, StoreUnavailable } from '../store.ts'
import { type Client, connect, placeOf } from './client.ts'

export type Reply = Buffer | number | null | readonly Reply[]
type Argument = string | number | Buffer

/** A call that has no answer by then is given up: it may have taken place, or yet do so. */
const DEADLINE_MS = 5000

const read = (name: string): string => readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8')

const load = (name: string) => {
  const source = `${read('common')}\n${read(name)}`
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

const scripts = {
  append: load('append'),
  create: load('create'),
  delete: load('delete'),
  drop: load('drop'),
  entries: load('entries'),
  get: load('get'),
  putsnapshot: load('putsnapshot'),
  snapshot: load('snapshot'),
  ttl: load('ttl'),
} as const

export type Script = keyof typeof scripts

/** Replies that say what the server cannot do now; any other error reply is a mistake of ours. */
const passing =
  /^(OOM|READONLY|LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|MISCONF|NOREPLICAS|BUSY|UNKILLABLE|NOAUTH|WRONGPASS|NOPERM|MOVED|ASK)\b/

/** Sends commands, and sees that each ends, in a reply or in an error that says what was tried. */
export class Caller {
  readonly client: Client
  readonly #place: string
  #fault: Error | undefined

  constructor(url: string) {
    this.client = connect(url)
    this.#place = placeOf(url)
    // Errors of the connection come here; those who wait for a reply are told in their own words.
    this.client.on('error', (error: Error) => {
      this.#fault = error
    })
    this.client.on('ready', () => {
      this.#fault = undefined
    })
  }

  unavailable(what: string, reason: unknown): StoreUnavailable {
    const given = reason instanceof Error ? reason.message : String(reason)
    // What ioredis says then is about an option of its own.
    const message = given.startsWith('Reached the max retries') ? 'no connection' : given
    const fault =
      this.#fault && this.#fault.message !== message ? ` (${this.#fault.message || this.#fault.name})` : ''
    return new StoreUnavailable(`Cannot ${what}: Redis at ${this.#place}: ${message}${fault}`, {
      cause: reason,
    })
  }

  #explain(what: string, error: unknown): unknown {
    if (!(error instanceof Error) || error instanceof StoreUnavailable) return error
    // A refused transaction does not say itself why it is.
    if (error.message.startsWith('EXECABORT') && 'previousErrors' in error) {
      return this.#explain(what, [error.previousErrors].flat()[0])
    }
    if (error.name !== 'ReplyError' || passing.test(error.message)) return this.unavailable(what, error)
    const [code, rest = ''] = error.message.split(/ (.*)/s)
    if (code === 'LOST') return new StateLost(`Cannot ${what}: ${rest}`)
    if (code === 'FORMAT') {
      const found = `it is in storage format ${rest}, this version reads format ${FORMAT}`
      return new Error(`Cannot ${what}: ${found}`)
    }
    return new Error(`Cannot ${what}: Redis at ${this.#place} replied ${error.message}`, { cause: error })
  }

  async bounded<T>(what: string, call: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.unavailable(what, `no reply in ${DEADLINE_MS} ms`)), DEADLINE_MS)
    })
    try {
      return await Promise.race([call, late])
    } catch (error) {
      throw this.#explain(what, error)
    } finally {
      clearTimeout(timer)
    }
  }

  command(what: string, name: string, ...args: readonly Argument[]): Promise<Reply> {
    return this.bounded(what, this.client.callBuffer(name, ...args) as Promise<Reply>)
  }

  /** Set a field and have these keys live so long, in one transaction. */
  async put(what: string, key: string, field: number, bytes: Buffer, keys: readonly string[], ms: number) {
    const transaction = this.client.multi().hset(key, field, bytes)
    for (const each of keys) transaction.pexpire(each, ms)
    const call = transaction.exec().then((replies) => {
      const fault = replies?.find(([error]) => error !== null)?.[0]
      if (fault) throw fault
    })
    await this.bounded(what, call)
  }

  script(what: string, name: Script, key: string, ...args: readonly Argument[]): Promise<Reply> {
    return this.bounded(what, this.#run(name, key, args))
  }

  async #run(name: Script, key: string, args: readonly Argument[]): Promise<Reply> {
    const { sha, source } = scripts[name]
    try {
      return (await this.client.callBuffer('evalsha', sha, 1, key, ...args)) as Reply
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return (await this.client.callBuffer('eval', source, 1, key, ...args)) as Reply
    }
  }

  close(): void {
    this.client.disconnect()
  }
}
