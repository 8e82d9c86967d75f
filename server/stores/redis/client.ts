import { Cluster, Redis } from 'ioredis'

export type Client = Redis | Cluster

/** Some three seconds of trying for what waits to be sent; then it is refused, and the next call starts anew. */
const retryStrategy = (times: number): number => Math.min(50 * 2 ** (times - 1), 500)

const options = {
  connectTimeout: 2000,
  maxRetriesPerRequest: 6,
  // After a failover behind one name this connection may lead to what is now a replica.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} as const

const DEFAULT_PORT = 6379

/** `redis-cluster://user:password@a:7001,b:7002?tls`: several hosts, which `URL` cannot read. */
const parseCluster = (url: string) => {
  const [, credentials, hosts = '', query = ''] =
    /^redis-cluster:\/\/(?:(.*)@)?([^/?]*)\/?(?:\?(.*))?$/.exec(url) ?? []
  const nodes = hosts.split(',').map((node) => {
    const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(node) ?? []
    if (host === undefined) {
      throw new Error(`Cannot read the cluster's nodes from "${hosts}": expected host:port,host:port`)
    }
    return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? DEFAULT_PORT : Number(port) }
  })
  const [username = '', password] = (credentials ?? '').split(':').map(decodeURIComponent)
  return {
    nodes,
    auth: { ...(username !== '' && { username }), ...(password !== undefined && { password }) },
    tls: new URLSearchParams(query).has('tls'),
  }
}

/** Connects in the background; what is called before waits for it, within the bounds above. */
export const connect = (url: string): Client => {
  if (!url.startsWith('redis-cluster:')) {
    const database = new URL(url).pathname.slice(1)
    if (!/^\d*$/.test(database))
      throw new Error(`Cannot open database "${database}" of ${placeOf(url)}: expected a number, such as 0`)
    return new Redis(url, { ...options, retryStrategy })
  }
  const { nodes, auth, tls } = parseCluster(url)
  return new Cluster(nodes, {
    redisOptions: { ...options, ...auth, ...(tls && { tls: {} }) },
    clusterRetryStrategy: retryStrategy,
    // With TLS a node is known by the name in its certificate, not by its address.
    ...(tls && {
      dnsLookup: (address: string, found: (error: null, address: string) => void) => found(null, address),
    }),
  })
}

/** All nodes that hold keys. */
export const masters = (client: Client): readonly Redis[] =>
  client instanceof Cluster ? client.nodes('master') : [client]

/** For messages: without credentials. */
export const placeOf = (url: string): string => url.replace(/\/\/.*@/, '//').replace(/\?.*/, '')
