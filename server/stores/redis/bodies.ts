import { Gate, into } from '../../turns.ts'
import { chunksOf, joined, sizeOf } from '../pieces.ts'
import { StateLost } from '../store.ts'
import { Bulk } from './bulk.ts'
import type { Caller, Carried } from './caller.ts'
import type { Followed } from './heads.ts'
import { bodyKey, newBodyKeys, PER_PART, partOf, sessionKeys, stagedKey } from './keys.ts'
import { list, number } from './replies.ts'
import type { Trimming } from './trimming.ts'

/**
 * One reply or argument: larger ones hold up the parser and everyone behind them. With what Redis adds of its own it fits
 * into 512 KiB of its allocator, where a byte more takes 640.
 */
export const CHUNK = 508 * 1024
/** Up to here a body travels within the call that takes it. */
const INLINE = 256 * 1024
/** From here on Redis keeps an argument as it came: PROTO_MBULK_BIG_ARG. */
const LONG = 32 * 1024
/** Chunks on their way at a time, in and out, all sessions together: some 4 MiB ahead of any small call. */
const IN_FLIGHT = 8
/** How long a chunk may wait for those before it. */
const TURN_MS = 10_000
/** How long what was sent is kept while nothing more of it comes. */
const STAGED_MS = 90_000

const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

/** A body that was sent ahead, as the scripts are told of it. */
export interface Sent {
  readonly parts: number
  readonly per_part: number
  readonly chunks: number
  readonly size: number
}

/** Where a body is: of no parts is what came within a call. */
export interface Place {
  readonly name: string
  readonly parts: number
}

/** What part 0 of a body says about it, with its first chunk. */
export interface Kept {
  readonly meta: Uint8Array
  readonly size: number
  readonly chunks: number
  readonly first: Buffer | undefined
}

/** A small body with its meta, the pieces of one string; undefined where it is to be sent ahead. */
export const inlined = (
  meta: Uint8Array,
  pieces: readonly Uint8Array[],
): readonly Uint8Array[] | undefined => {
  if (sizeOf(pieces) > INLINE) return undefined
  const head = Buffer.allocUnsafe(4 + meta.length)
  head.writeUInt32LE(meta.length)
  head.set(meta, 4)
  return [head, ...pieces]
}

/** How what `inlined` made is carried, where it is long and the guess of what follows is a good one. */
export const carriedOf = (
  key: string,
  name: string,
  bytes: readonly Uint8Array[],
  followed: Followed | undefined,
): Carried | undefined => {
  if (!followed?.steady || sizeOf(bytes) < LONG) return undefined
  const at = stagedKey(key, name, 0)
  return {
    at,
    ms: STAGED_MS,
    keys: [...newBodyKeys(key, name), at],
    // As `append.lua` has them: what that is told of is not looked at here.
    args: ['', '', ...followed.args, ''],
  }
}

/** What `inlined` made. */
const unfolded = (bytes: Buffer): Kept => {
  const start = 4 + bytes.readUInt32LE()
  const first = bytes.subarray(start)
  return { meta: bytes.subarray(4, start), size: first.length, chunks: first.length === 0 ? 0 : 1, first }
}

type Pieces = readonly Uint8Array[]

export class Bodies {
  readonly #caller: Caller
  readonly #bulk: Bulk
  readonly #trimming: Trimming
  readonly #gate = new Gate(IN_FLIGHT, TURN_MS)

  constructor(caller: Caller, trimming: Trimming) {
    this.#caller = caller
    this.#trimming = trimming
    this.#bulk = new Bulk(caller.client)
  }

  /**
   * Send a body ahead, in chunks of `CHUNK` but for the last. Also a call that is given up may still be sent: so the pieces
   * must stay as they are. Those that are lent are not given back where this fails.
   */
  async send(
    what: string,
    key: string,
    name: string,
    chunked: Iterable<Pieces> | AsyncIterable<Pieces>,
  ): Promise<Sent> {
    const sending = new Set<Promise<unknown>>()
    let fault: unknown
    let [size, chunks] = [0, 0]
    for await (const chunk of chunked) {
      const field = chunks++
      size += sizeOf(chunk)
      const call = this.#turn(what, () => this.#stage(what, key, name, field, chunk))
        .catch((error: unknown) => {
          fault ??= error
        })
        .finally(() => sending.delete(call))
      sending.add(call)
      if (sending.size >= IN_FLIGHT) await Promise.race(sending)
      if (fault !== undefined) break
    }
    await Promise.all(sending)
    const parts = Math.ceil(chunks / PER_PART)
    if (fault === undefined) return { parts, per_part: PER_PART, chunks, size }
    this.drop(key, name, parts)
    throw fault
  }

  #turn<T>(what: string, call: () => Promise<T>): Promise<T> {
    return this.#gate.run(call, () => this.#caller.unavailable(what, `no turn in ${TURN_MS} ms`))
  }

  /** A chunk never comes without an expiry, and all that came before it is given time anew. */
  #stage(
    what: string,
    key: string,
    name: string,
    index: number,
    chunk: readonly Uint8Array[],
  ): Promise<void> {
    const part = partOf(index)
    const keys = Array.from({ length: part + 1 }, (_, i) => stagedKey(key, name, i))
    const at = stagedKey(key, name, part)
    const staged = { key: at, field: index, keys, ms: STAGED_MS, instead: this.#trimming.next(key) }
    // In a transaction and not in a script, where Redis would copy the chunk twice more: measured on loopback with
    // 8 on their way, 840 MiB/s and 480 MiB/s (a plain HSET: 1400 MiB/s).
    return this.#caller.bounded(what, at, async () => {
      if (!(await this.#bulk.hset(staged, chunk))) await this.#caller.put(what, staged, buffer(joined(chunk)))
    })
  }

  /** What was sent of a body and is not there as a whole. */
  drop(key: string, name: string, parts: number): void {
    // It may have been sent to another server than that which was to take it.
    this.#bulk.close()
    this.remove(key, name, parts)
  }

  /** Not waited for, and not needed: what was sent and not taken expires. */
  remove(key: string, name: string, parts: number): void {
    this.#caller.script('drop a body', 'drop', sessionKeys(key), [name, parts]).catch(() => undefined)
  }

  /** What the body is, and its first chunk; nothing where it is not there. */
  async open(what: string, key: string, { name, parts }: Place): Promise<Kept | undefined> {
    const at = bodyKey(key, name, 0)
    if (parts === 0) {
      const bytes = await this.#turn(what, () => this.#caller.command(what, 'get', at))
      return bytes instanceof Buffer ? unfolded(bytes) : undefined
    }
    const fields = ['meta', 'size', 'chunks', '0']
    const [meta, size, chunks, first] = list(
      await this.#turn(what, () => this.#caller.command(what, 'hmget', at, ...fields)),
    )
    if (!(meta instanceof Buffer && size instanceof Buffer && chunks instanceof Buffer)) return undefined
    return {
      meta,
      size: number(size),
      chunks: number(chunks),
      first: first instanceof Buffer ? first : undefined,
    }
  }

  /** Put all bytes of an opened body where these pieces lie; throws `StateLost` where some are missing. */
  async read(
    what: string,
    key: string,
    name: string,
    { size, chunks, first }: Kept,
    pieces: readonly Uint8Array[],
  ): Promise<void> {
    const targets = [...chunksOf(pieces, CHUNK)]
    if (sizeOf(pieces) !== size || targets.length !== chunks)
      throw new Error(
        `Cannot ${what}: it has ${size} bytes in ${chunks} chunks, and ${sizeOf(pieces)} were asked for`,
      )
    const place = (index: number, chunk: Buffer | null | undefined): void => {
      const target = targets[index] ?? []
      if (chunk?.length !== sizeOf(target)) {
        const found = chunk == null ? 'missing' : `${chunk.length} bytes, expected ${sizeOf(target)}`
        throw new StateLost(`Cannot ${what}: chunk ${index} of ${chunks} is ${found}`)
      }
      into(target)(chunk, 0)
    }
    if (chunks > 0) place(0, first)
    let next = 1
    let fault: unknown
    const lane = async (): Promise<void> => {
      while (next < chunks) {
        const index = next++
        const at = bodyKey(key, name, partOf(index))
        const placed = () => this.#bulk.hget(at, index, targets[index] ?? [])
        const fetched = async () => (await placed()) || this.#caller.command(what, 'hget', at, index)
        const chunk = await this.#turn(what, () => this.#caller.bounded(what, at, fetched))
        // After a fault nothing more is placed: by the end of this, its place may be another's.
        if (chunk !== true && fault === undefined) place(index, chunk as Buffer | null)
      }
    }
    const lanes = Array.from({ length: Math.min(IN_FLIGHT, chunks - next) }, () =>
      lane().catch((error: unknown) => {
        next = chunks
        fault ??= error
        this.#bulk.close()
      }),
    )
    await Promise.all(lanes)
    if (fault !== undefined) throw fault
  }

  close(): void {
    this.#bulk.close()
  }
}
