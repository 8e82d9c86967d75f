import { randomBytes } from 'node:crypto'
import { expectFormat, FORMAT } from '../codec.ts'
import type { StoreOptions } from '../options.ts'
import { chunksOf } from '../pieces.ts'
import type { Appended, NewEntry, NewSnapshot, Store, StoredSession } from '../store.ts'
import { Arrival } from './arrival.ts'
import { Bodies, CHUNK, carriedOf, inlined, type Sent } from './bodies.ts'
import { Caller } from './caller.ts'
import { entryCall, snapshotCall } from './calls.ts'
import { Closings } from './closings.ts'
import { Heads } from './heads.ts'
import { headShape, newBodyKeys, recordKeys, sessionKeys, valueKey, valueShape } from './keys.ts'
import { refuseEviction } from './policy.ts'
import { Reader } from './reader.ts'
import { appendedOf, headIn, list, sessionOf, text } from './replies.ts'
import { scan } from './scan.ts'
import { Trimming } from './trimming.ts'

/**
 * One master, also one that sentinels name, or a cluster of masters. Their clock counts; what is acknowledged is kept
 * as well as they keep it.
 */
class RedisStore implements Store {
  readonly name = 'redis'
  readonly #caller: Caller
  readonly #trimming: Trimming
  readonly #bodies: Bodies
  readonly #reader: Reader
  readonly #closings: Closings
  readonly #heads = new Heads()

  constructor(caller: Caller) {
    this.#caller = caller
    this.#trimming = new Trimming(caller)
    this.#bodies = new Bodies(caller, this.#trimming)
    this.#reader = new Reader(caller, this.#bodies)
    this.#closings = new Closings(caller.client)
  }

  async create(
    key: string,
    { incarnation, record, ttl }: Pick<StoredSession, 'incarnation' | 'record' | 'ttl'>,
  ) {
    const what = `create session "${key}"`
    const args = [incarnation, ttl]
    const reply = await this.#caller.commitScript(what, 'create', recordKeys(key), args, [record])
    const session = sessionOf(list(reply))
    return { created: session.incarnation === incarnation, session }
  }

  async get(key: string) {
    const reply = await this.#caller.script(`read session "${key}"`, 'get', recordKeys(key))
    return reply === null ? undefined : sessionOf(list(reply))
  }

  async setTtl(key: string, ttl: number) {
    const what = `set the time to live of session "${key}"`
    return (await this.#caller.commitScript(what, 'ttl', sessionKeys(key), [ttl])) === 1
  }

  async delete(key: string) {
    return (await this.#caller.script(`delete session "${key}"`, 'delete', sessionKeys(key))) === 1
  }

  list(prefix: string, limit: number, cursor?: string) {
    return scan(this.#caller, headShape, prefix, limit, cursor)
  }

  async append(key: string, entry: NewEntry): Promise<Appended> {
    const { id, meta, body, arriving } = entry
    const what = `append to session "${key}"`
    const ahead = arriving instanceof Arrival ? arriving.sent : undefined
    const small = ahead === undefined ? inlined(meta, body) : undefined
    const sent = ahead ?? (small === undefined ? await this.#send(what, key, id, body) : undefined)
    const followed = small === undefined ? undefined : this.#heads.follow(key, entry)
    const args = [...entryCall(entry, sent), ...(followed?.args ?? [])]
    const keys = newBodyKeys(key, id)
    const bytes = small ?? [meta]
    const carried = carriedOf(key, id, bytes, followed)
    const reply = await this.#caller.commitScript(what, 'append', keys, args, bytes, carried)
    if (followed !== undefined && reply === 1) {
      this.#heads.held(key, followed)
      return followed.appended
    }
    if (followed !== undefined) this.#heads.forget(key)
    const appended = appendedOf(list(reply))
    // It came too slowly for what was sent first to be there still; nothing was taken.
    if (appended === undefined && ahead !== undefined) {
      const { arriving: _, ...whole } = entry
      return this.append(key, whole)
    }
    if (appended === undefined) {
      this.#bodies.drop(key, id, sent?.parts ?? 0)
      throw this.#caller.unavailable(what, 'the bytes sent ahead have expired')
    }
    if (appended.status !== 'appended') return appended
    this.#heads.read(key, headIn(reply))
    if (entry.restores !== undefined) await this.#trimming.trim(key)
    return appended
  }

  #send(what: string, key: string, name: string, body: readonly Uint8Array[]): Promise<Sent> {
    return this.#bodies.send(what, key, name, chunksOf(body, CHUNK))
  }

  expect(key: string, id: string) {
    return new Arrival(this.#bodies, key, id)
  }

  watch(key: string, listener: () => void) {
    return this.#closings.watch(key, listener)
  }

  entries(key: string, seq: number) {
    return this.#reader.entries(key, seq)
  }

  snapshot(key: string) {
    return this.#reader.snapshot(key)
  }

  async putSnapshot(key: string, snapshot: NewSnapshot): Promise<boolean> {
    const what = `put a snapshot of session "${key}"`
    // A name of its own: servers may make the same snapshot at the same time.
    const name = randomBytes(16).toString('hex')
    const small = inlined(snapshot.meta, snapshot.body)
    const sent = small === undefined ? await this.#send(what, key, name, snapshot.body) : undefined
    const args = [snapshotCall(snapshot, name, sent)]
    const keys = newBodyKeys(key, name)
    const reply = await this.#caller.script(what, 'putsnapshot', keys, args, small ?? [snapshot.meta])
    const status = text(list(reply)[0])
    if (status === 'unsent') {
      this.#bodies.drop(key, name, sent?.parts ?? 0)
      throw this.#caller.unavailable(what, 'the bytes sent ahead have expired')
    }
    if (status !== 'put') return false
    this.#heads.read(key, headIn(reply))
    await this.#trimming.trim(key)
    return true
  }

  async getValue(key: string) {
    const what = `read value "${key}"`
    const bytes = await this.#caller.command(what, 'get', valueKey(key))
    if (!(bytes instanceof Buffer)) return undefined
    expectFormat(bytes[0], `value "${key}"`)
    return new Uint8Array(bytes.subarray(1))
  }

  async putValue(key: string, value: Uint8Array) {
    const bytes = Buffer.concat([Uint8Array.of(FORMAT), value])
    await this.#caller.commit(`put value "${key}"`, 'set', valueKey(key), bytes)
  }

  async deleteValue(key: string) {
    return (await this.#caller.command(`delete value "${key}"`, 'unlink', valueKey(key))) === 1
  }

  listValues(prefix: string, limit: number, cursor?: string) {
    return scan(this.#caller, valueShape, prefix, limit, cursor)
  }

  async ping() {
    await this.#caller.command('ping', 'ping')
  }

  async close() {
    this.#trimming.close()
    this.#closings.close()
    this.#bodies.close()
    this.#caller.close()
  }
}

/** Rejects with `StoreUnavailable` where nothing answers, and with an error where keys could be evicted. */
export const openRedisStore = async (
  url: string,
  { warn = console.warn, replicas = 0 }: StoreOptions = {},
): Promise<Store> => {
  const caller = new Caller(url, replicas)
  try {
    await refuseEviction(caller, warn)
    return new RedisStore(caller)
  } catch (error) {
    caller.close()
    throw error
  }
}
