import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { StoreUnavailable } from '../store.ts'
import type { Staged } from './bulk.ts'
import { type Client, connect } from './client.ts'
import { explain, isFinal, passes, reasonOf } from './faults.ts'
import { gather, PiecedCommand } from './resp.ts'
import { type Script, scripts } from './scripts.ts'
import { placeOf } from './urls.ts'

export type Reply = Buffer | number | null | readonly Reply[]
type Argument = string | number | Buffer
type Call = readonly [name: string, ...args: readonly Argument[]]
type Arguments = readonly (string | number)[]
type Pieces = readonly Uint8Array[]

/** A call that has no answer by then is given up: it may have taken place, or yet do so. */
const DEADLINE_MS = 5000
/** How long calls for a session are refused at once after that: those that queued behind it are not to wait each. */
const SILENCE_MS = 1000
const PAUSE_MS = 30
/** How long replicas may take to confirm a write. */
const CONFIRM_MS = 1000

/** How the bytes of a call may go as a string of their own, and what takes that. */
export interface Carried {
  /** Where it is until then, and for how long at most. */
  readonly at: string
  readonly ms: number
  /** Of `carried.lua`: the last is `at`. */
  readonly keys: readonly string[]
  readonly args: Arguments
}

/** Whether there is no time left, and what came of the latest attempt. */
interface Trial {
  over: boolean
  last?: unknown
}

/** A command that the server does not have: nor will it the next time. */
const isUnknown = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('ERR unknown command')

/** As well one that this user may not give. Of EXEC that is told in the reason why it is not done. */
const isForbidden = (error: unknown): boolean =>
  isUnknown(error) || (error instanceof Error && /^(EXECABORT .*)?NOPERM/.test(error.message))

const isNoScript = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOSCRIPT')

/**
 * Sends calls, and sees that each ends, in a reply or in an error that says what was tried. While there is time, a
 * call is sent again whose connection broke: each can be taken twice and is then as if it were taken once.
 */
export class Caller {
  readonly client: Client
  readonly #place: string
  readonly #replicas: number
  #fault: Error | undefined
  /** How `carried.lua` is run: by its source until Redis has it, and not at all where that is forbidden. */
  #carriedBy: readonly [name: string, script: string] | undefined = ['eval', scripts.carried.source]
  /** Sessions, by hash tag, for which there was no answer just now. */
  readonly #silent = new Set<string>()
  #closed = false

  constructor(url: string, replicas: number) {
    this.client = connect(url)
    this.#place = placeOf(url)
    this.#replicas = replicas
    // Errors of the connection come here; those who wait for a reply are told in their own words.
    this.client.on('error', (error: Error) => {
      this.#fault = error
    })
    this.client.on('ready', () => {
      this.#fault = undefined
    })
  }

  unavailable(what: string, reason: unknown): StoreUnavailable {
    const message = reasonOf(reason)
    const fault =
      this.#fault && this.#fault.message !== message ? ` (${this.#fault.message || this.#fault.name})` : ''
    return new StoreUnavailable(`Cannot ${what}: Redis at ${this.#place}: ${message}${fault}`, {
      cause: reason,
    })
  }

  /** Bound what `call` starts for a key: it is started again while that may help and there is time. */
  bounded<T>(what: string, key: string, call: (trial: Trial) => Promise<T>): Promise<T> {
    const lane = key.slice(0, key.indexOf('}') + 1)
    if (this.#silent.has(lane)) return this.#refused(what)
    return new Promise((resolve, reject) => {
      const trial: Trial = { over: false }
      const timer = setTimeout(() => {
        trial.over = true
        this.#silent.add(lane)
        setTimeout(() => this.#silent.delete(lane), SILENCE_MS).unref()
        const said = trial.last instanceof Error && trial.last.name === 'ReplyError'
        fail(said ? trial.last : this.unavailable(what, `no reply in ${DEADLINE_MS} ms`))
      }, DEADLINE_MS)
      const fail = (error: unknown) => {
        clearTimeout(timer)
        reject(explain(what, this.#place, error, (reason) => this.unavailable(what, reason)))
      }
      this.#tried(call, trial).then((reply) => {
        clearTimeout(timer)
        resolve(reply)
      }, fail)
    })
  }

  async #refused(what: string): Promise<never> {
    // Whoever tries again without a pause is not to hold up the event loop.
    await turn()
    throw this.unavailable(what, 'no reply to the call before')
  }

  async #tried<T>(call: (trial: Trial) => Promise<T>, trial: Trial): Promise<T> {
    for (;;) {
      try {
        return await call(trial)
      } catch (error) {
        trial.last = error
        if (!passes(error) || trial.over || this.#closed || isFinal(this.#fault)) throw error
      }
      await sleep(PAUSE_MS)
      if (trial.over) throw trial.last
    }
  }

  command(what: string, ...call: Call): Promise<Reply> {
    return this.bounded(what, String(call[1] ?? ''), () => this.#send(call))
  }

  /** A command that writes what is acknowledged: not before so many replicas have it as are asked for. */
  commit(what: string, ...call: Call): Promise<Reply> {
    return this.bounded(what, String(call[1] ?? ''), () => this.#confirmed(what, call))
  }

  /** @param bytes the last argument, in pieces that stay as they are: also a call that is given up may still be sent */
  script(what: string, name: Script, keys: readonly string[], args: Arguments = [], bytes?: Pieces) {
    const call = () => this.#run(name, keys, args, (call) => this.#send(call, bytes))
    return this.bounded(what, keys[0] ?? '', call)
  }

  /** As `script`, and as `commit`. Where bytes are carried, and taken so, the result is 1. */
  commitScript(
    what: string,
    name: Script,
    keys: readonly string[],
    args: Arguments = [],
    bytes?: Pieces,
    carried?: Carried,
  ): Promise<Reply> {
    let untried = carried
    return this.bounded(what, keys[0] ?? '', async (trial) => {
      const trying = untried
      untried = undefined
      if (trying !== undefined && (await this.#carry(trying, bytes ?? []))) return 1
      if (trial.over) throw this.unavailable(what, 'no reply in time')
      return this.#run(name, keys, args, (call) => this.#confirmed(what, call, bytes))
    })
  }

  /**
   * Whether `carried.lua` took bytes that are a string of their own, in one transaction with it: Redis keeps a long one
   * as it came, where a script copies its arguments twice. If not, or where that cannot be told, they are to be sent as
   * an argument after all: that call is told what became of them.
   */
  async #carry({ at, ms, keys, args }: Carried, bytes: Pieces): Promise<boolean> {
    const { client } = this
    const by = this.#carriedBy
    // Replicas are waited for in one piece with what is written, and a cluster leads single calls where they belong.
    if (by === undefined || !(client instanceof Redis) || this.#replicas > 0) return false
    gather(client.stream)
    const replies = await Promise.allSettled([
      this.#send(['multi']),
      this.#send(['psetex', at, ms], bytes),
      this.#send([...by, keys.length, ...keys, ...args]),
      this.#send(['exec']),
    ])
    const [, , , exec] = replies
    // What comes over this connection would be queued for ever.
    if (exec.status === 'rejected' && isUnknown(exec.reason)) client.disconnect(true)
    const done = exec.status === 'fulfilled' ? exec.value : undefined
    const taken = Array.isArray(done) ? done[1] : undefined
    // What would have taken the string, or removed it, failed.
    if (taken instanceof Error) this.#send(['unlink', at]).catch(() => undefined)
    if (replies.some((reply) => reply.status === 'rejected' && isForbidden(reply.reason)))
      this.#carriedBy = undefined
    else if (typeof taken === 'number') this.#carriedBy = ['evalsha', scripts.carried.sha]
    else if (isNoScript(taken)) this.#carriedBy = ['eval', scripts.carried.source]
    return taken === 1
  }

  /** As `Bulk.hset`. */
  put(what: string, { key, field, keys, ms, instead }: Staged, bytes: Buffer): Promise<void> {
    return this.bounded(what, key, async () => {
      // Not waited for: it goes over the same connection.
      if (instead !== undefined) this.client.hdel(instead.key, String(instead.field)).catch(() => undefined)
      const transaction = this.client.multi().hset(key, field, bytes)
      for (const each of keys) transaction.pexpire(each, ms)
      const replies = await transaction.exec()
      const fault = replies?.find(([error]) => error !== null)?.[0]
      if (fault) throw fault
    })
  }

  #send([name, ...args]: Call, bytes?: Pieces): Promise<Reply> {
    if (bytes === undefined) return this.client.callBuffer(name, ...args) as Promise<Reply>
    const command = new PiecedCommand(name, args.map(String), bytes)
    const sent = this.client.sendCommand(command) as Promise<Reply>
    const release = () => command.release()
    sent.then(release, release)
    return sent
  }

  async #run(
    name: Script,
    keys: readonly string[],
    args: Arguments,
    send: (call: Call) => Promise<Reply>,
  ): Promise<Reply> {
    const { sha, source } = scripts[name]
    const rest = [keys.length, ...keys, ...args] as const
    try {
      return await send(['evalsha', sha, ...rest])
    } catch (error) {
      if (!isNoScript(error)) throw error
      return send(['eval', source, ...rest])
    }
  }

  #confirmed(what: string, call: Call, bytes?: Pieces): Promise<Reply> {
    return this.#replicas === 0 ? this.#send(call, bytes) : this.#waited(what, call, bytes)
  }

  /** WAIT counts what its own connection wrote: so both go in one piece, or neither does. */
  async #waited(what: string, call: Call, bytes?: Pieces): Promise<Reply> {
    const [name, ...args] = call
    const pipeline = this.client.pipeline()
    pipeline.callBuffer(name, ...args, ...(bytes === undefined ? [] : [Buffer.concat(bytes)]))
    pipeline.wait(this.#replicas, CONFIRM_MS)
    const [written, confirmed] = (await pipeline.exec()) ?? []
    if (written?.[0]) {
      // Only a call that is alone is led to another node of a cluster; the next trial finds it done there.
      if (/^(MOVED|ASK) /.test(written[0].message)) await this.#send(call, bytes)
      throw written[0]
    }
    if (confirmed?.[0]) throw confirmed[0]
    const count = Number(confirmed?.[1])
    if (count < this.#replicas) {
      const found = `${count} of ${this.#replicas} replicas have it after ${CONFIRM_MS} ms`
      throw this.unavailable(what, `written, but ${found}`)
    }
    return written?.[1] as Reply
  }

  close(): void {
    this.#closed = true
    this.client.disconnect()
  }
}
