import { availableParallelism } from 'node:os'

/** The settings of a server, and the only place that reads the environment. */
export interface Config {
  readonly host: string
  readonly port: number
  readonly store: string
  /** Replicas of Redis that must have a write before it is acknowledged. */
  readonly redisWait: number
  readonly engine: string
  /** Threads for large steps. */
  readonly threads: number
  /** Largest decoded body, in bytes. */
  readonly bodyLimit: number
  /** State to hold in engine memory, in bytes. */
  readonly memoryLimit: number
  /** Journal of a session before a snapshot takes its place, in multiples of its state. */
  readonly journalStates: number
  /** Bytes of bodies in memory at a time. */
  readonly flightLimit: number
  readonly logLevel: string
  /** Time that a request may take to arrive, in milliseconds. */
  readonly requestTimeout: number
  /** Time in which 64 KiB of a body or an answer must move, in milliseconds. */
  readonly stallTimeout: number
  /** Files; empty where there is none. */
  readonly keysFile: string
  readonly tlsCert: string
  readonly tlsKey: string
  /** Whether to listen on any address without keys. */
  readonly allowKeyless: string
  /** Origins whose pages may use the server. */
  readonly corsOrigins: readonly string[]
}

interface Setting {
  readonly name: string
  readonly meaning: string
  readonly fallback: string
  readonly read: (text: string) => string | number | readonly string[] | undefined
  readonly takes: string
}

const units: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

const text = { read: (given: string) => given || undefined, takes: 'text' }
const file = { read: (given: string) => given, takes: 'the path of a file' }
const among = (...allowed: string[]) => ({
  read: (given: string) => (allowed.includes(given) ? given : undefined),
  takes: allowed.join(' | '),
})
const whole = (min: number, max: number) => ({
  read: (given: string) => (/^\d+$/.test(given) && +given >= min && +given <= max ? +given : undefined),
  takes: `a whole number from ${min} to ${max}`,
})
/** As browsers write them: no path, no port that goes without saying. */
const origins = {
  read(given: string) {
    const listed = given.split(/[\s,]+/).filter((origin) => origin !== '')
    const valid = (origin: string) =>
      /^https?:/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin
    return listed.every(valid) ? listed : undefined
  },
  takes: 'origins, such as https://app.example, with commas between',
}
const bytes = (max: number) => ({
  read(given: string) {
    const [, digits = '', unit = ''] = /^(\d+) ?(KiB|MiB|GiB)?$/.exec(given) ?? []
    const value = Number(digits) * (units[unit] ?? Number.NaN)
    return digits !== '' && value > 0 && value <= max ? value : undefined
  },
  takes: `bytes, such as 512 MiB, up to ${max / 2 ** 30} GiB`,
})

const settings = {
  host: { name: 'STEPD_HOST', meaning: 'address to listen on', fallback: '127.0.0.1', ...text },
  port: {
    name: 'STEPD_PORT',
    meaning: 'port to listen on; 0 takes a free one',
    fallback: '8080',
    ...whole(0, 65535),
  },
  store: {
    name: 'STEPD_STORE',
    meaning:
      'where sessions are kept: lmdb:FOLDER, redis://…, rediss://…, redis-sentinel://A,B/NAME, redis-cluster://A,B or memory:',
    fallback: 'lmdb:./data',
    ...text,
  },
  redisWait: {
    name: 'STEPD_REDIS_WAIT',
    meaning: 'replicas of Redis that must have a step before it is answered; without, a failover may lose it',
    fallback: '0',
    ...whole(0, 16),
  },
  engine: {
    name: 'STEPD_ENGINE',
    meaning: 'what computes; auto takes the fastest that is here',
    fallback: 'auto',
    ...among('auto', 'wasm', 'tensorflow', 'reference'),
  },
  threads: {
    name: 'STEPD_THREADS',
    meaning: 'threads for large steps; by default one a core',
    fallback: String(Math.min(64, availableParallelism())),
    ...whole(1, 64),
  },
  bodyLimit: {
    name: 'STEPD_BODY_LIMIT',
    meaning: 'largest decoded body',
    fallback: '512 MiB',
    ...bytes(2 ** 31),
  },
  memoryLimit: {
    name: 'STEPD_MEMORY_LIMIT',
    meaning: 'state held in memory; what is used least goes out first and comes back from the store',
    fallback: '2 GiB',
    ...bytes(2 ** 42),
  },
  journalStates: {
    name: 'STEPD_JOURNAL_STATES',
    meaning: 'journal that a session may have before a snapshot replaces it, in multiples of its state',
    fallback: '2',
    ...whole(1, 64),
  },
  flightLimit: {
    name: 'STEPD_FLIGHT_LIMIT',
    meaning: 'bytes of bodies in memory at a time; what comes beyond is told to come again',
    fallback: '4 GiB',
    ...bytes(2 ** 42),
  },
  keysFile: {
    name: 'STEPD_KEYS_FILE',
    meaning: 'API keys and what their tenants may; read again on SIGHUP; "keys add TENANT" makes one',
    fallback: '',
    ...file,
  },
  allowKeyless: {
    name: 'STEPD_ALLOW_KEYLESS',
    meaning: 'listen on any address without keys: whoever reaches it may use it',
    fallback: 'no',
    ...among('no', 'yes'),
  },
  corsOrigins: {
    name: 'STEPD_CORS_ORIGINS',
    meaning: 'whose pages may use the server from a browser (CORS); pages of other origins may not',
    fallback: '',
    ...origins,
  },
  tlsCert: {
    name: 'STEPD_TLS_CERT',
    meaning: 'certificate in PEM, with those that sign it; with it and its key the server speaks TLS',
    fallback: '',
    ...file,
  },
  tlsKey: { name: 'STEPD_TLS_KEY', meaning: 'its key in PEM', fallback: '', ...file },
  stallTimeout: {
    name: 'STEPD_STALL_TIMEOUT_MS',
    meaning: 'time in which 64 KiB of a body or an answer must move, in milliseconds',
    fallback: '30000',
    ...whole(1, 86_400_000),
  },
  requestTimeout: {
    name: 'STEPD_REQUEST_TIMEOUT_MS',
    meaning: 'time that a request may take to arrive, in milliseconds',
    fallback: '300000',
    ...whole(1, 86_400_000),
  },
  logLevel: {
    name: 'STEPD_LOG_LEVEL',
    meaning: 'least level that is logged',
    fallback: 'info',
    ...among('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  },
} as const satisfies Record<keyof Config, Setting>

/** @throws Error that names every setting that is not valid, and what would be */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const wrong: string[] = []
  const values = Object.entries(settings).map(([key, { name, fallback, read, takes }]) => {
    const given = env[name] ?? fallback
    const value = read(given)
    if (value === undefined) wrong.push(`${name} is ${JSON.stringify(given)}, expected ${takes}`)
    return [key, value]
  })
  const names = new Set<string>(Object.values(settings).map(({ name }) => name))
  for (const name of Object.keys(env))
    if (name.startsWith('STEPD_') && !names.has(name))
      wrong.push(`${name} is no setting of stepd; see --help`)
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
  return Object.fromEntries(values) as Config
}

/** What `--help` prints. */
export function help(): string {
  const lines = Object.values(settings).map(
    ({ name, meaning, fallback, takes }) =>
      `  ${name.padEnd(26)}${meaning}\n${' '.repeat(28)}${takes}; default ${fallback || 'none'}`,
  )
  return `stepd: an optimizer as an HTTP service. Settings come from the environment:\n\n${lines.join('\n')}\n`
}
