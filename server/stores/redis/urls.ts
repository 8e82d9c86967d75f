const DEFAULT_PORTS = { 'redis-cluster': 6379, 'redis-sentinel': 26379 } as const

interface Node {
  readonly host: string
  readonly port: number
}

/** Several hosts, which `URL` cannot read. */
export interface Hosts {
  readonly nodes: readonly Node[]
  readonly auth: { readonly username?: string; readonly password?: string }
  /** What follows the hosts: `name` or `name/0`. */
  readonly path: string
  readonly tls: boolean
}

/**
 * `redis-cluster://user:password@a:7001,b:7002?tls` and `redis-sentinel://user:password@a:26379,b:26379/name/0?tls`;
 * the password is that of Redis.
 */
export const parseHosts = (url: string): Hosts => {
  const [, scheme = '', credentials, hosts = '', path = '', query = ''] =
    /^([\w-]+):\/\/(?:(.*)@)?([^/?]*)\/?([^?]*)(?:\?(.*))?$/.exec(url) ?? []
  const nodes = hosts.split(',').map((node) => {
    const [, host, port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(node) ?? []
    if (host === undefined) {
      throw new Error(`Cannot read the nodes of ${scheme} from "${hosts}": expected host:port,host:port`)
    }
    const usual = DEFAULT_PORTS[scheme as keyof typeof DEFAULT_PORTS]
    return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? usual : Number(port) }
  })
  const [username = '', password] = (credentials ?? '').split(':').map(decodeURIComponent)
  return {
    nodes,
    auth: { ...(username !== '' && { username }), ...(password !== undefined && { password }) },
    path,
    tls: new URLSearchParams(query).has('tls'),
  }
}

/** For messages: without credentials. */
export const placeOf = (url: string): string => url.replace(/\/\/.*@/, '//').replace(/\?.*/, '')
