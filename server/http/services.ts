import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { ErrorCode } from '../../schemas/index.ts'
import type { Engine, Lent } from '../engines/engine.ts'
import type { Beginning, Loan } from '../sessions/log.ts'
import type { Programs } from '../sessions/program.ts'
import type { Registry } from '../sessions/registry.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { Store } from '../stores/store.ts'
import type { Load } from './admission.ts'
import type { Tenant } from './tenant.ts'
import type { Timing } from './timing.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Read keys and certificate again. */
    reload(): Promise<void>
  }
  interface FastifyContextConfig {
    /** The body has tensors: msgpack only. */
    binary?: boolean
    /** The body is a safetensors file. */
    file?: boolean
    /** Memory for a large body that begins so, where there is some that is better than any other. */
    lend?(request: FastifyRequest, bytes: number, beginning: Beginning): Loan | undefined
    /** About the whole server: for operators. */
    operator?: boolean
  }
  interface FastifyRequest {
    /** Its route: `routeOptions` is made anew each time that it is asked for. */
    about: FastifyRequest['routeOptions']
    timing: Timing
    tenant: Tenant
    load: Load
    /** Of memory that its body is in, until it is handed on. */
    lease: Lent['lease'] | undefined
    /** Code of the problem that it was answered with. */
    problem: ErrorCode | undefined
  }
}

/** What the routes work with. */
export interface Services {
  readonly sessions: Sessions
  readonly registry: Registry
  readonly programs: Programs
  readonly engine: Engine
  readonly store: Store
  /** A clock for durations, in milliseconds. */
  readonly now: () => number
}

export type Server = FastifyInstance<
  import('node:http').Server,
  import('node:http').IncomingMessage,
  import('node:http').ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>
