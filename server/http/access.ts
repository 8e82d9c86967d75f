import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../schemas/index.ts'
import { Usage } from '../sessions/usage.ts'
import type { Store } from '../stores/store.ts'
import { Bucket } from './bucket.ts'
import { Keys, type TenantEntry } from './keys.ts'
import type { Server } from './services.ts'
import type { Tenant } from './tenant.ts'

/** Whose sessions they are where there are no keys. */
const everybody = 'public'

export interface AccessOptions {
  /** File of API keys; without one everybody is the same tenant. */
  readonly keysFile: string | undefined
  /** Whether requests come from this machine only, so that any other name in Host is a trick upon a browser. */
  readonly local: boolean
}

/** Who may ask, and as whom. What a tenant has used so far stays when the keys are read again. */
export class Access {
  readonly #options: AccessOptions
  readonly #make: (name: string) => Pick<Tenant, 'usage' | 'bucket'>
  readonly #tenants = new Map<string, Tenant>()
  #keys: Keys | undefined

  constructor(options: AccessOptions, store: Store, now: () => number) {
    this.#options = options
    this.#make = (name) => ({ usage: new Usage(store, name, now), bucket: new Bucket(now) })
    if (options.keysFile === undefined) this.#put(everybody, { operator: true })
  }

  /** Whether tenants may have limits: only where there are keys. */
  get limits(): boolean {
    return this.#options.keysFile !== undefined
  }

  /** @throws Error where the file cannot be read: then what was known before stays */
  async reload(): Promise<void> {
    const { keysFile } = this.#options
    if (keysFile === undefined) return
    const keys = await Keys.read(keysFile)
    for (const [name, entry] of keys.tenants) this.#put(name, entry)
    this.#keys = keys
  }

  #put(name: string, { operator = false, ...limits }: TenantEntry): void {
    const { usage, bucket } = this.#tenants.get(name) ?? this.#make(name)
    this.#tenants.set(name, { name, limits, operator, usage, bucket })
  }

  attach(app: Server): void {
    app.addHook('onRequest', (request: FastifyRequest, _response: FastifyReply, done) => {
      const tenant = this.#tenants.get(this.#who(request))
      if (tenant === undefined) throw new Error('A key has no tenant')
      request.tenant = tenant
      if (request.about.config.operator && !tenant.operator) {
        const detail = `${request.about.url} is about the whole server: the tenant ${tenant.name} is no operator`
        throw new Problem('forbidden', detail)
      }
      done()
    })
  }

  #who({ headers }: FastifyRequest): string {
    if (this.#options.keysFile === undefined) {
      if (this.#options.local && !isLocal(headers.host))
        throw new Problem(
          'forbidden',
          `Host is ${headers.host}, and without keys this server answers to localhost only`,
        )
      return everybody
    }
    const [, key] = /^Bearer +([!-~]{1,256})$/i.exec(headers.authorization ?? '') ?? []
    if (key === undefined)
      throw new Problem('unauthenticated', 'There is no key: send it as Authorization: Bearer KEY')
    const tenant = this.#keys?.tenantOf(key)
    if (tenant === undefined) throw new Problem('unauthenticated', 'The key is none that this server knows')
    return tenant
  }
}

const isLocal = (host = ''): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host)

/** Whether an address to listen on is reached from this machine only. */
export const isLoopback = (address: string): boolean =>
  address === '::1' || address === 'localhost' || /^127(\.\d{1,3}){3}$/.test(address)
