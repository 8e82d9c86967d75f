import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { Problem } from '../../schemas/index.ts'
import { Turns } from '../turns.ts'

/**
 * All bytes of a body, decompressed. One whose length is announced is read into memory of that length, chunk by chunk;
 * any other is put together at the end. Nothing is read of a body that says itself that it is too large.
 *
 * @throws Problem `body_too_large`, `malformed_body`, `unsupported_media_type`, `overloaded`
 */
export async function readBody(
  { headers }: IncomingMessage,
  stream: Readable,
  limit: number,
): Promise<Buffer> {
  const length = Number(headers['content-length'] ?? Number.NaN)
  if (length > limit) throw tooLarge('is larger', limit)
  const encoding = (headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding === 'gzip') return unzipped(stream, limit)
  if (encoding !== 'identity')
    throw new Problem('unsupported_media_type', `Content-Encoding is ${encoding}, expected gzip or none`)
  return Number.isNaN(length) ? collected(stream, limit) : placed(stream, length)
}

const tooLarge = (how: string, limit: number) =>
  new Problem('body_too_large', `The body ${how} than ${limit} bytes`, { limit })

async function placed(stream: Readable, length: number): Promise<Buffer> {
  const body = reserve(length)
  let at = 0
  await each(stream, (chunk) => {
    if (at + chunk.length <= length) body.set(chunk, at)
    at += chunk.length
  })
  if (at === length) return body
  throw new Problem('malformed_body', `The body has ${at} bytes, and its Content-Length says ${length}`)
}

/** Not touched before it is written to: the system then gives it page by page. */
function reserve(length: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(length)
  } catch {
    throw new Problem('overloaded', `There is no memory for a body of ${length} bytes now`, {
      retry_after: 1,
    })
  }
}

async function collected(stream: Readable, limit: number, how = 'is larger'): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  await each(stream, (chunk) => {
    length += chunk.length
    if (length > limit) throw tooLarge(how, limit)
    chunks.push(chunk)
  })
  return Buffer.from((await new Turns().join(chunks)).buffer)
}

async function unzipped(stream: Readable, limit: number): Promise<Buffer> {
  const gunzip = createGunzip({ chunkSize: 2 ** 18 })
  const broken = (error: Error) => gunzip.destroy(error)
  stream.on('error', broken)
  try {
    return await collected(stream.pipe(gunzip), limit, 'decompresses to more')
  } catch (error) {
    if (error instanceof Problem || !isZlib(error)) throw error
    throw new Problem('malformed_body', 'The body is not gzip, which its Content-Encoding says it is')
  } finally {
    stream.unpipe(gunzip).off('error', broken)
    gunzip.destroy()
    // What is left of it must flow off, so that the client comes to reading the answer.
    stream.resume()
  }
}

const isZlib = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')

/** Hand on chunks as they come. A throw ends that, and the rest is dropped. */
function each(stream: Readable, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: unknown) => {
      stream.off('data', onData).off('end', end).off('error', end)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onData = (chunk: Buffer) => {
      try {
        take(chunk)
      } catch (error) {
        end(error)
      }
    }
    stream.on('data', onData).on('end', end).on('error', end)
  })
}
