import { Cluster, Redis } from 'ioredis'
import { parseHosts, placeOf } from './urls.ts'

export type Client = Redis | Cluster

const retryStrategy = (times: number): number => Math.min(50 * 2 ** (times - 1), 500)

const options = {
  connectTimeout: 2000,
  // A connection that owes an answer for so long is closed: another may lead to a server that is alive.
  socketTimeout: 3000,
  // What is not answered is sent again by the caller while someone waits for it, and never by the library: that
  // would send it whenever there is a connection, and a WAIT over one that wrote nothing.
  maxRetriesPerRequest: 0,
  // After a failover behind one name this connection may lead to what is now a replica.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  // A server that loads its file says so itself.
  enableReadyCheck: false,
} as const

const single = { ...options, enableOfflineQueue: false, retryStrategy } as const

const databaseOf = (text: string, url: string): number => {
  if (/^\d*$/.test(text)) return Number(text)
  throw new Error(`Cannot open database "${text}" of ${placeOf(url)}: expected a number, such as 0`)
}

/** The master that the sentinels name, also after they have promoted another. */
const connectBySentinels = (url: string): Redis => {
  const { nodes, auth, path, tls } = parseHosts(url)
  const [name = '', database = ''] = path.split('/')
  if (name === '') {
    const example = 'redis-sentinel://host:26379/mymaster'
    throw new Error(`Cannot read the master's name from ${placeOf(url)}: expected one like ${example}`)
  }
  return new Redis({
    ...single,
    ...auth,
    sentinels: [...nodes],
    name: decodeURIComponent(name),
    db: databaseOf(database, url),
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: options.connectTimeout,
    // Told at once, rather than when a call fails: a master that was cut off may still take writes, all lost.
    failoverDetector: true,
    // It is here that the role is checked: sentinels may yet name one that is a replica now.
    enableReadyCheck: true,
    maxLoadingRetryTime: 500,
    ...(tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
  })
}

const connectToCluster = (url: string): Cluster => {
  const { nodes, auth, tls } = parseHosts(url)
  return new Cluster([...nodes], {
    redisOptions: { ...options, ...auth, ...(tls && { tls: {} }) },
    clusterRetryStrategy: retryStrategy,
    enableOfflineQueue: false,
    // With TLS a node is known by the name in its certificate, not by its address.
    ...(tls && {
      dnsLookup: (address: string, found: (error: null, address: string) => void) => found(null, address),
    }),
  })
}

/** Connects in the background, and again for as long as it is not disconnected; calls fail while it does. */
export const connect = (url: string): Client => {
  if (url.startsWith('redis-cluster:')) return connectToCluster(url)
  if (url.startsWith('redis-sentinel:')) return connectBySentinels(url)
  databaseOf(new URL(url).pathname.slice(1), url)
  return new Redis(url, single)
}
