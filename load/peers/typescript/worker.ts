import cluster from 'node:cluster'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { fastify } from 'fastify'
import { Redis } from 'ioredis'
import { Packr } from 'msgpackr'
import { AdamW, type Options } from './adamw.ts'
import { type Backend, openBackend } from './backends.ts'

// An optimizer behind HTTP, as one writes it in an afternoon: Fastify, tfjs, the whole state in Redis at each step.

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { backend: text, workers: text, redis: text } })
const { backend = 'wasm', redis: url = 'redis://127.0.0.1:6379' } = values
const workers = Number(values.workers ?? 1)

const packr = new Packr({ useRecords: false })
const type = 'application/msgpack'

async function serve(): Promise<string> {
  const tf = await openBackend(backend as Backend)
  const redis = new Redis(url, { enableAutoPipelining: true })
  const sessions = new Map<string, AdamW>()

  const save = async (id: string, { options, t, tensors }: AdamW) => {
    const [p, m, v] = tensors.map(({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length))
    const record = [`${id}:step`, String(t), `${id}:options`, JSON.stringify(options)]
    await redis.mset(...record, `${id}:p`, p ?? '', `${id}:m`, m ?? '', `${id}:v`, v ?? '')
  }
  /** Another worker may have taken steps, so with several of them the one kept here is not always the latest. */
  const find = async (id: string) => {
    const kept = sessions.get(id)
    if (kept !== undefined && workers === 1) return kept
    const t = Number(await redis.get(`${id}:step`))
    if (kept?.t === t) return kept
    kept?.dispose()
    const [options, ...tensors] = await redis.mgetBuffer(`${id}:options`, `${id}:p`, `${id}:m`, `${id}:v`)
    const state = { t, tensors: tensors.map((bytes) => bytes ?? Buffer.alloc(0)) }
    const found = new AdamW(tf, JSON.parse(String(options)) as Options, state)
    sessions.set(id, found)
    return found
  }

  const app = fastify({ bodyLimit: 2 ** 30 })
  app.addContentTypeParser(type, { parseAs: 'buffer' }, async (_: unknown, body: Buffer) =>
    packr.unpack(body),
  )
  app.put<Named>('/sessions/:id', async (request, response) => {
    const { params, ...options } = request.body as Options & { readonly params: Uint8Array }
    const { id } = request.params
    sessions.get(id)?.dispose()
    const optimizer = AdamW.fresh(tf, options, params)
    sessions.set(id, optimizer)
    await save(id, optimizer)
    return response
      .status(201)
      .type(type)
      .send(packr.pack({ step: 0 }))
  })
  app.post<Named>('/sessions/:id/steps', async (request, response) => {
    const { id } = request.params
    const { grads } = request.body as { readonly grads: Uint8Array }
    const optimizer = await find(id)
    const updates = optimizer.step(grads)
    await save(id, optimizer)
    return response.type(type).send(packr.pack({ step: optimizer.t, updates }))
  })
  return app.listen({ host: '127.0.0.1', port: 0 })
}

interface Named {
  readonly Params: { readonly id: string }
}

async function distribute(): Promise<string> {
  const started = Array.from({ length: workers }, () => cluster.fork())
  const addresses = await Promise.all(started.map((worker) => once(worker, 'listening')))
  return `http://127.0.0.1:${addresses[0]?.[0].port}`
}

const address = await (cluster.isPrimary && workers > 1 ? distribute() : serve())
if (cluster.isPrimary) process.stdout.write(`listening at ${address}\n`)
