import assert from 'node:assert/strict'
import { type Store, StoreUnavailable } from '../../server/stores/store.ts'
import { type RedisServer, startRedis } from '../redis.ts'
import { newId } from './conformance/fixture.ts'

export const withRedis = async (
  options: Readonly<Record<string, string>>,
  run: (server: RedisServer) => Promise<void>,
) => {
  const server = await startRedis(options)
  try {
    await run(server)
  } finally {
    await server.stop()
  }
}

export const keysOf = async (server: Pick<RedisServer, 'client'>): Promise<string[]> => {
  const client = server.client()
  const keys = new Set<string>()
  for await (const found of client.scanStream({ count: 1000 }))
    for (const key of found as string[]) keys.add(key)
  client.disconnect()
  return [...keys]
}

/** All keys but those of large bodies that are to go within a minute, and of the list of them where it has no others. */
export const stayingOf = async (server: Pick<RedisServer, 'client'>): Promise<string[]> => {
  const client = server.client()
  const keys = await keysOf(server)
  const going = new Set<string>()
  for (const old of keys.filter((key) => key.endsWith('}:old'))) {
    const references = (await client.lrange(old, 0, -1)).map((reference) => reference.split(':'))
    if (references.every(([, parts]) => parts !== '0')) going.add(old)
    for (const [name, parts] of references)
      for (let part = 0; part < Number(parts); part++) going.add(old.replace(/old$/, `b:${name}:${part}`))
  }
  client.disconnect()
  return keys.filter((key) => !going.has(key))
}

export const MiB = 1 << 20
export const none = new Uint8Array(0)
export const entry = (incarnation: string, body: Uint8Array, after?: number) => ({
  id: newId(),
  meta: none,
  body: [body],
  incarnation,
  advance: { digest: 'd' },
  ...(after !== undefined && { after }),
})
export const create = async (store: Store, key = 'a') => {
  const incarnation = newId()
  await store.create(key, { incarnation, record: none, ttl: 60_000 })
  return incarnation
}
export const unavailable = (pattern: RegExp) => (error: Error) => {
  assert.ok(error instanceof StoreUnavailable, String(error))
  assert.match(error.message, pattern)
  return true
}
