import type { FastifyRequest } from 'fastify'
import type { Usage } from '../sessions/usage.ts'
import type { Bucket } from './bucket.ts'

/** What a tenant may use; without a number, as much as there is. */
export interface Limits {
  readonly sessions?: number
  readonly state_bytes?: number
  /** Bytes of bodies and answers, at each server. */
  readonly bytes_per_s?: number
  readonly requests_per_s?: number
}

/** Who asks: sessions and chains are kept under its name, and no other tenant sees them. */
export interface Tenant {
  readonly name: string
  readonly limits: Limits
  /** Whether it may read what is about the whole server. */
  readonly operator: boolean
  readonly usage: Usage
  readonly bucket: Bucket
}

/** The key under which a tenant's session or chain is kept. */
export const keyOf = ({ tenant }: FastifyRequest, id: string): string => `${tenant.name}/${id}`

/** What a tenant calls it. */
export const idOf = ({ tenant }: FastifyRequest, key: string): string => key.slice(tenant.name.length + 1)
