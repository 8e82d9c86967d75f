import { Cluster, type Redis } from 'ioredis'
import { Watchers } from '../watchers.ts'
import type { Client } from './client.ts'
import { closedChannel, headShape } from './keys.ts'

/** What is published may be missed, while a connection is made anew for instance. */
const POLL_MS = 1000

/** Rounds that close, as whoever closes one publishes it. */
export class Closings {
  readonly #client: Client
  readonly #watchers = new Watchers(POLL_MS)
  #subscriber: Redis | Cluster | undefined
  #again: NodeJS.Timeout | undefined
  #closed = false

  constructor(client: Client) {
    this.#client = client
  }

  watch(key: string, listener: () => void): () => void {
    this.#subscriber ??= this.#subscribe()
    return this.#watchers.add(key, listener)
  }

  /** On a connection of its own, from when something is first waited for. A cluster's client has one for that. */
  #subscribe(): Redis | Cluster {
    const client = this.#client
    // The library itself would ask again once, and be felled by a connection that breaks meanwhile.
    const own = { lazyConnect: false, autoResubscribe: false }
    const subscriber = client instanceof Cluster ? client : client.duplicate(own)
    const { before, after } = headShape
    subscriber.on('message', (channel: string, head: string) => {
      if (channel === closedChannel)
        this.#watchers.call(head.slice(before.length, head.length - after.length))
    })
    // Faults are told by those who call; here polling goes on meanwhile.
    subscriber.on('error', () => undefined)
    subscriber.on('ready', () => this.#ask(subscriber))
    if (subscriber.status === 'ready') this.#ask(subscriber)
    return subscriber
  }

  /** On every connection, and again where that fails: to ask twice is as to ask once. */
  #ask(subscriber: Redis | Cluster): void {
    subscriber.subscribe(closedChannel).catch(() => {
      if (this.#closed) return
      this.#again ??= setTimeout(() => {
        this.#again = undefined
        this.#ask(subscriber)
      }, POLL_MS).unref()
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#again)
    this.#watchers.close()
    if (this.#subscriber !== this.#client) this.#subscriber?.disconnect()
  }
}
