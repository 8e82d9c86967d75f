import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../schemas/index.ts'
import { readBody } from './body.ts'
import { type Packable, pack, packr } from './pack.ts'
import { checkPlain } from './plain.ts'
import { sendPieces } from './send.ts'

export const msgpackTypes = ['application/msgpack', 'application/x-msgpack', 'application/vnd.msgpack']

/** Read bodies by their Content-Type: msgpack everywhere, JSON where `json` says so. */
export function readBodies(app: FastifyInstance, bodyLimit: number): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(msgpackTypes, async (request: FastifyRequest, stream: IncomingMessage) => {
    const bytes = await readBody(request.raw, stream, bodyLimit)
    if (bytes.length > 0) checkPlain(bytes)
    return decode(bytes, 'msgpack', (plain) => packr.unpack(plain))
  })
  app.addContentTypeParser('application/json', async (request: FastifyRequest, stream: IncomingMessage) => {
    const bytes = await readBody(request.raw, stream, bodyLimit)
    if (request.routeOptions.config.binary)
      throw new Problem(
        'unsupported_media_type',
        `Tensors come as msgpack: send ${msgpackTypes[0]}, found application/json`,
      )
    return decode(bytes, 'JSON', (text) => JSON.parse(text.toString()))
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
