import { createServer } from 'node:http'
import { fastify } from 'fastify'
import { Redis } from 'ioredis'
import { Packr } from 'msgpackr'

/** Servers that do no more than move bytes, in a process of their own: what is measured beside them does more. */
const peers = {
  /** Reads all into one buffer that is there before, then sends it back. */
  async echo(): Promise<number> {
    const buffer = Buffer.allocUnsafeSlow(2 ** 28)
    const server = createServer((request, response) => {
      let at = 0
      request.on('data', (chunk: Buffer) => {
        buffer.set(chunk, at)
        at += chunk.length
      })
      request.on('end', () => {
        response.writeHead(200, { 'content-length': at })
        response.end(buffer.subarray(0, at))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  },
  /** A route of Fastify that decodes msgpack, and answers with the same tensors. */
  bare: () => route(async () => {}),
  /** The same, whose tensors are in Redis before they are answered: over what they were. */
  async kept(url: string): Promise<number> {
    if (url === '') throw new Error('The peer kept is to be told of a Redis')
    const redis = new Redis(url)
    return route((grads) => redis.set('kept', Buffer.from(grads.buffer, grads.byteOffset, grads.length)))
  },
} as const

async function route(keep: (grads: Uint8Array) => Promise<unknown>): Promise<number> {
  const packr = new Packr({ useRecords: false })
  const app = fastify()
  app.addContentTypeParser('application/msgpack', { parseAs: 'buffer' }, async (_: unknown, body: Buffer) =>
    packr.unpack(body),
  )
  app.post('/', async (request, response) => {
    const { grads } = request.body as { readonly grads: Uint8Array }
    await keep(grads)
    return response
      .type('application/msgpack')
      .send(packr.pack({ step: 1, replayed: false, counted: true, updates: grads }))
  })
  return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
}

const [name, url = ''] = process.argv.slice(2)
if (name !== 'echo' && name !== 'bare' && name !== 'kept') throw new Error(`There is no peer ${name}`)
process.stdout.write(`${await peers[name](url)}\n`)
