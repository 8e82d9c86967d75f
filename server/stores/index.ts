import type { StoreOptions } from './options.ts'
import type { Store } from './store.ts'

/** One line a kind; its library is loaded when it is asked for and not before. */
const kinds: Readonly<Record<string, (url: string, options: StoreOptions) => Promise<Store>>> = {
  memory: async (_, options) => (await import('./memory.ts')).openMemoryStore(options),
  lmdb: async (url, options) =>
    (await import('./lmdb/store.ts')).openLmdbStore(url.slice('lmdb:'.length), options),
  redis: async (url, options) => (await import('./redis/store.ts')).openRedisStore(url, options),
  rediss: async (url, options) => (await import('./redis/store.ts')).openRedisStore(url, options),
  'redis-sentinel': async (url, options) => (await import('./redis/store.ts')).openRedisStore(url, options),
  'redis-cluster': async (url, options) => (await import('./redis/store.ts')).openRedisStore(url, options),
}

const examples = [
  'memory:',
  'lmdb:./data',
  'redis://host:6379',
  'rediss://host:6379',
  'redis-sentinel://a:26379,b:26379/mymaster',
  'redis-cluster://a:7001,b:7002',
].join(', ')

/** What counts for all servers that share a store; undefined where it is not one for counting. */
export const openCounters = async (
  url: string,
): Promise<{ readonly client: unknown; readonly close: () => void } | undefined> => {
  if (!url.startsWith('redis')) return undefined
  const client = (await import('./redis/client.ts')).connect(url)
  // Whoever counts is told by its own calls.
  client.on('error', () => {})
  return { client, close: () => client.disconnect() }
}

/** Rejects where the url names no store, and with `StoreUnavailable` where the store does not answer. */
export const openStore = async (url: string, options: StoreOptions = {}): Promise<Store> => {
  const scheme = url.slice(0, Math.max(0, url.indexOf(':')))
  const open = Object.hasOwn(kinds, scheme) ? kinds[scheme] : undefined
  // The rest of the url may hold a password: it is not for messages.
  if (open === undefined) {
    const found = scheme === '' ? 'a url without a scheme' : `a url that starts with "${scheme}:"`
    throw new Error(`Cannot open a store from ${found}: expected one like ${examples}`)
  }
  if (options.replicas && !scheme.startsWith('redis')) {
    throw new Error(
      `Cannot wait for ${options.replicas} replicas of a store in ${scheme}: it has none; expected 0, or Redis`,
    )
  }
  return open(url, options)
}
