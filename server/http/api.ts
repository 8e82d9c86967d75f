import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../schemas/index.ts'
import type { Access } from './access.ts'
import type { Admission } from './admission.ts'
import { whenClosed } from './send.ts'
import type { Server } from './services.ts'

export interface Gate {
  readonly access: Access
  readonly admission: Admission
  /** A client of Redis, where servers share the counts of requests. */
  readonly counters?: unknown
}

/** What stands before every route of the API: who asks, whether there is room, how much and how often. */
export async function guard(api: Server, { access, admission, counters }: Gate): Promise<void> {
  access.attach(api)
  api.addHook('onRequest', (request: FastifyRequest, response: FastifyReply, done) => {
    const { tenant } = request
    const wait = tenant.bucket.wait()
    if (tenant.limits.bytes_per_s !== undefined && wait > 0)
      throw new Problem(
        'rate_limited',
        `The tenant ${tenant.name} has moved more than ${tenant.limits.bytes_per_s} bytes a second`,
        { retry_after: Math.ceil(wait) },
      )
    const load = admission.enter(tenant.name)
    request.load = load
    whenClosed(response.raw, () => {
      load.release()
      request.lease?.release()
    })
    done()
  })
  if (!access.limits) return
  api.addHook('onResponse', ({ tenant, headers }: FastifyRequest, response: FastifyReply, done) => {
    const { bytes_per_s } = tenant.limits
    const lengths = [headers['content-length'], response.getHeader('content-length')]
    const bytes = lengths.reduce<number>((sum, length) => sum + (Number(length) || 0), 0)
    if (bytes_per_s !== undefined) tenant.bucket.spend(bytes, bytes_per_s)
    done()
  })
  await (api as unknown as FastifyInstance).register(rateLimit, {
    timeWindow: 1000,
    max: ({ tenant }: FastifyRequest) => tenant.limits.requests_per_s ?? Number.MAX_SAFE_INTEGER,
    allowList: ({ tenant }: FastifyRequest) => tenant.limits.requests_per_s === undefined,
    keyGenerator: ({ tenant }: FastifyRequest) => tenant.name,
    ...(counters === undefined ? {} : { redis: counters, nameSpace: 'stepd:rate:' }),
    // Where Redis does not answer, so does no session: the store says so in its own words.
    skipOnError: true,
    errorResponseBuilder: ({ tenant }, { max, ttl }) =>
      new Problem('rate_limited', `The tenant ${tenant.name} has asked more than ${max} times in a second`, {
        retry_after: Math.max(1, Math.ceil(ttl / 1000)),
      }),
  })
}
