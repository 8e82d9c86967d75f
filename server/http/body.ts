import { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { Problem } from '../../schemas/index.ts'
import { drop } from '../garbage.ts'
import { copy, Turns } from '../turns.ts'
import type { Load } from './admission.ts'
import { Inflating } from './inflate.ts'
import { goOn } from './linger.ts'
import type { Pace } from './pace.ts'

/** Bytes up to which a body may be there before it is asked for. Beyond, it matters where its bytes are. */
export const small = 2 ** 16

/** A compressed body up to here is kept until it is known what it decompresses to. */
const little = 2 ** 21

/** What a body is read under. */
export interface BodyTerms {
  /** In bytes, decompressed. */
  readonly limit: number
  readonly load: Load
  readonly pace: Pace
  /** Memory for a body of an announced length that begins so, if there is some that is better than any other. */
  readonly lend?: (bytes: number, first: Uint8Array) => Place | undefined
}

interface Place {
  readonly bytes: Uint8Array
  /** So many of its bytes are there. */
  readonly came?: ((count: number) => void) | undefined
}

/**
 * All bytes of a body, decompressed. One whose length is announced is read into memory of that length, chunk by chunk;
 * any other is put together at the end. Nothing is read of a body that says itself that it is too large.
 *
 * @throws Problem `body_too_large`, `malformed_body`, `unsupported_media_type`, `overloaded`, `request_timeout`
 */
export async function readBody(raw: IncomingMessage, stream: Readable, terms: BodyTerms): Promise<Buffer> {
  const { headers } = raw
  const { limit } = terms
  const length = Number(headers['content-length'] ?? Number.NaN)
  if (length > limit) throw tooLarge('is larger', limit)
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding !== 'identity' && encoding !== 'gzip')
    throw new Problem('unsupported_media_type', `Content-Encoding is ${encoding}, expected gzip or none`)
  const known = encoding === 'identity' && !Number.isNaN(length)
  const keeps = encoding === 'gzip' && length <= little
  if (known || keeps) terms.load.take(length)
  goOn(raw)
  if (known) return (raw.complete && atHand(stream, length)) || placed(stream, length, terms)
  return encoding === 'gzip' ? unzipped(stream, terms, keeps) : collected(stream, terms)
}

const tooLarge = (how: string, limit: number) =>
  new Problem('body_too_large', `The body ${how} than ${limit} bytes`, { limit })

/** A body that is there as a whole, as those of small steps are: in memory of its own already. */
function atHand(stream: Readable, length: number): Buffer | undefined {
  if (length === 0 || length > small || stream.readableLength !== length) return undefined
  const bytes: unknown = stream.read()
  return bytes instanceof Buffer ? bytes : undefined
}

/** Memory for all of it is taken when its first 64 KiB are there: hundreds may announce much, and send hardly anything. */
async function placed(
  stream: Readable,
  length: number,
  { pace, lend }: BodyTerms,
  held?: () => boolean,
): Promise<Buffer> {
  const first: Buffer[] = []
  // The parser of HTTP makes each chunk for whoever reads them.
  const parsed = stream instanceof IncomingMessage
  let body: Buffer | undefined
  let tell: Place['came']
  let [at, came] = [0, 0]
  const put = (part: Buffer) => {
    if (body === undefined || at + part.length > length) return
    copy(body.subarray(at, at + part.length), part)
    at += part.length
    tell?.(at)
  }
  const take = (chunk: Buffer) => {
    came += chunk.length
    if (body !== undefined) put(chunk)
    else {
      first.push(chunk)
      if (came < Math.min(length, small)) return
      const beginning = first.length === 1 ? chunk : Buffer.concat(first.splice(0))
      const place = reserve(length, () => lend?.(length, beginning))
      body = Buffer.from(place.bytes.buffer, place.bytes.byteOffset, length)
      tell = place.came
      put(beginning)
    }
    drop(chunk, parsed)
  }
  await each(stream, pace, take, held)
  if (came === length) return body ?? Buffer.alloc(0)
  throw new Problem('malformed_body', `The body has ${came} bytes, and its Content-Length says ${length}`)
}

/** A large one is not touched before it is written to: the system then gives it page by page. */
function reserve(length: number, lend: () => Place | undefined): Place {
  try {
    return lend() ?? { bytes: Buffer.allocUnsafe(length) }
  } catch {
    throw new Problem('overloaded', `There is no memory for a body of ${length} bytes now`, {
      retry_after: 1,
    })
  }
}

async function collected(stream: Readable, { limit, load, pace }: BodyTerms): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  await each(stream, pace, (chunk) => {
    length += chunk.length
    if (length > limit) throw tooLarge('is larger', limit)
    load.take(chunk.length)
    chunks.push(chunk)
  })
  return joined(chunks)
}

const joined = async (chunks: readonly Buffer[]): Promise<Buffer> =>
  Buffer.from((await new Turns().join(chunks)).buffer)

/** What swells to more than so many bytes, and so many times, is counted before memory is taken for it. */
const swelling = { bytes: 2 ** 24, times: 64 } as const

async function unzipped(stream: Readable, terms: BodyTerms, keeps: boolean): Promise<Buffer> {
  const { limit, load, pace } = terms
  const inflating = new Inflating(stream, keeps)
  const chunks: Buffer[] = []
  let [length, swells] = [0, false]
  const take = (chunk: Buffer) => {
    length += chunk.length
    if (length > limit) throw tooLarge('decompresses to more', limit)
    load.take(chunk.length)
    swells ||= keeps && length > swelling.bytes && length > swelling.times * inflating.given
    if (!swells) chunks.push(chunk)
    else {
      chunks.length = 0
      drop(chunk, false)
    }
  }
  try {
    await each(inflating.out, pace, take, () => inflating.waits)
  } catch (error) {
    if (error instanceof Problem || !isZlib(error)) throw error
    throw new Problem('malformed_body', 'The body is not gzip, which its Content-Encoding says it is')
  } finally {
    inflating.end()
  }
  return swells ? again(inflating.kept, length, terms) : joined(chunks)
}

/** Decompress once more, now that it is known to how much: into memory of that length. */
async function again(
  zipped: readonly Buffer[],
  length: number,
  { limit, load, pace }: BodyTerms,
): Promise<Buffer> {
  const inflating = new Inflating(Readable.from(zipped, { objectMode: false }))
  try {
    return await placed(inflating.out, length, { limit, load, pace }, () => inflating.waits)
  } finally {
    inflating.end()
  }
}

const isZlib = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')

/** Hand on chunks as they come. A throw ends that, and the rest is dropped. It does not stall while it is held. */
function each(
  stream: Readable,
  pace: Pace,
  take: (chunk: Buffer) => void,
  held?: () => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // Of a stream that broke before anyone listened nothing comes any more, its error neither.
    if (stream.destroyed && !stream.readableEnded) throw stream.errored ?? new Error('The body broke off')
    let moved = 0
    const unwatch = pace.watch(
      () => moved,
      () => end(new Problem('request_timeout', `The body stalled for ${pace.limit} ms after ${moved} bytes`)),
      held,
    )
    const end = (error?: unknown) => {
      unwatch()
      stream.off('data', onData).off('end', end).off('error', end)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onData = (chunk: Buffer) => {
      moved += chunk.length
      try {
        take(chunk)
      } catch (error) {
        end(error)
      }
    }
    stream.on('data', onData).on('end', end).on('error', end)
  })
}
