import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../schemas/index.ts'
import { beginningOf } from './beginning.ts'
import { type BodyTerms, readBody, small } from './body.ts'
import { type Packable, pack, unpack } from './pack.ts'
import { checkPlain } from './plain.ts'
import { sendPieces } from './send.ts'
import type { Server } from './services.ts'

export const fileType = 'application/octet-stream'
export const msgpackTypes = ['application/msgpack', 'application/x-msgpack', 'application/vnd.msgpack']

/** JSON is decoded in one go and has no tensors: the largest names those of a session. */
const jsonLimit = 2 ** 24

type Terms = Omit<BodyTerms, 'load'>

/**
 * Field by field: of an object that is spread with a field more V8 (of Node.js 20) makes a hidden class each time, which
 * grows old. Of a small step that was most of what did.
 */
const termsOf = ({ limit, pace }: Terms, { load }: FastifyRequest): BodyTerms => ({ limit, pace, load })

/** A body of tensors: a large one in memory that its route lends, if it does. */
function readTensors(request: FastifyRequest, stream: IncomingMessage, terms: BodyTerms): Promise<Buffer> {
  const { raw, about, load } = request
  if (!(Number(raw.headers['content-length']) > small)) return readBody(raw, stream, terms)
  const lend = (bytes: number, first: Uint8Array) => {
    // Of a client that has gone nobody would give it back; else it goes with the answer, or with who it is handed on to.
    const lent = load.left ? undefined : about.config.lend?.(request, bytes, beginningOf(first))
    request.lease = lent?.lease
    return lent
  }
  return readBody(raw, stream, { lend, ...terms })
}

/** Read bodies by their Content-Type: msgpack and JSON, but no JSON where tensors come, and files where routes take one. */
export function readBodies(app: Server, terms: Terms): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(msgpackTypes, async (request: FastifyRequest, stream: IncomingMessage) => {
    if (request.is404) return undefined
    const bytes = await readTensors(request, stream, termsOf(terms, request))
    if (bytes.length > 0) checkPlain(bytes)
    return decode(bytes, 'msgpack', unpack)
  })
  app.addContentTypeParser('application/json', async (request: FastifyRequest, stream: IncomingMessage) => {
    if (request.is404) return undefined
    const limit = Math.min(terms.limit, jsonLimit)
    const bytes = await readBody(request.raw, stream, termsOf({ ...terms, limit }, request))
    if (request.about.config.binary)
      throw new Problem(
        'unsupported_media_type',
        `Tensors come as msgpack: send ${msgpackTypes[0]}, found application/json`,
      )
    return decode(bytes, 'JSON', (text) => JSON.parse(text.toString()))
  })
  app.addContentTypeParser(fileType, async (request: FastifyRequest, stream: IncomingMessage) => {
    if (request.is404) return undefined
    if (request.about.config.file) return readBody(request.raw, stream, termsOf(terms, request))
    throw new Problem(
      'unsupported_media_type',
      `Content-Type is ${fileType}, expected application/msgpack or application/json`,
    )
  })
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
    ? replyMsgpack(response, { ...body })
    : response.type('application/json').send(JSON.stringify(body))
}

/** `body` may have bins in pieces, which must stay as they are until the response is closed. */
export const replyMsgpack = (response: FastifyReply, body: Packable): FastifyReply =>
  sendPieces(response.type('application/msgpack'), pack(body))

function wantsMsgpack({ headers: { accept = '*/*', 'content-type': type = '' } }: FastifyRequest): boolean {
  if (msgpackTypes.some((name) => accept.includes(name))) return true
  return (
    accept.includes('*/*') && !accept.includes('json') && msgpackTypes.some((name) => type.startsWith(name))
  )
}
