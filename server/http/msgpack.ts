import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Packr } from 'msgpackr'
import { Problem } from '../../schemas/index.ts'
import { checkPlain } from './plain.ts'

export const msgpackTypes = ['application/msgpack', 'application/x-msgpack', 'application/vnd.msgpack']

/** Plain msgpack only: no records, no extensions; `bin` is a view of the body. */
const packr = new Packr({ useRecords: false, moreTypes: false, int64AsType: 'number' })
const inflate = promisify(gunzip)

/** Read bodies by their Content-Type: msgpack everywhere, JSON where `json` says so. */
export function readBodies(app: FastifyInstance, bodyLimit: number): void {
  app.removeAllContentTypeParsers()
  const whole = { parseAs: 'buffer', bodyLimit } as const
  app.addContentTypeParser(msgpackTypes, whole, async (request: FastifyRequest, body: Buffer) => {
    const bytes = await decompress(request, body, bodyLimit)
    if (bytes.length > 0) checkPlain(bytes)
    return decode(bytes, 'msgpack', (plain) => packr.unpack(plain))
  })
  app.addContentTypeParser('application/json', whole, async (request: FastifyRequest, body: Buffer) => {
    if (request.routeOptions.config.binary)
      throw new Problem(
        'unsupported_media_type',
        `Tensors come as msgpack: send ${msgpackTypes[0]}, found application/json`,
      )
    return decode(await decompress(request, body, bodyLimit), 'JSON', (bytes) => JSON.parse(bytes.toString()))
  })
}

async function decompress(request: FastifyRequest, body: Buffer, limit: number): Promise<Buffer> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase()
  if (encoding === 'identity') return body
  if (encoding !== 'gzip')
    throw new Problem('unsupported_media_type', `Content-Encoding is ${encoding}, expected gzip or none`)
  try {
    return await inflate(body, { maxOutputLength: limit })
  } catch (error) {
    if (error instanceof RangeError)
      throw new Problem('body_too_large', `The body decompresses to more than ${limit} bytes`, { limit })
    throw new Problem('malformed_body', 'The body is not gzip, which its Content-Encoding says it is')
  }
}

function decode(bytes: Buffer, what: string, read: (bytes: Buffer) => unknown): unknown {
  // No body at all is an empty one: an open may attach with it.
  if (bytes.length === 0) return {}
  try {
    return read(bytes)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Problem('malformed_body', `Cannot read the body as ${what}: ${reason}`)
  }
}

/** Answer as the client asked for: by Accept, else as its own body came, else JSON. */
export function reply(request: FastifyRequest, response: FastifyReply, body: object): FastifyReply {
  return wantsMsgpack(request)
    ? replyMsgpack(response, body)
    : response.type('application/json').send(JSON.stringify(body))
}

export const replyMsgpack = (response: FastifyReply, body: object): FastifyReply =>
  response.type('application/msgpack').send(packr.pack(body))

function wantsMsgpack({ headers: { accept = '*/*', 'content-type': type = '' } }: FastifyRequest): boolean {
  if (msgpackTypes.some((name) => accept.includes(name))) return true
  return (
    accept.includes('*/*') && !accept.includes('json') && msgpackTypes.some((name) => type.startsWith(name))
  )
}
