/**
 * The wire: one msgpack request and its answer, sent again where that is safe and worth it.
 *
 * @see schemas/README.md
 */
import { Packr, Unpackr } from 'msgpackr'
import { ConnectionError, StepdError, worthRetrying } from './errors.ts'

/** When a request is sent again: the wait before attempt n + 1 is random in [0, min(capMs, baseMs · 2ⁿ⁻¹)]. */
export interface Retry {
  /** Attempts in all, the first one included (default 8). */
  readonly attempts: number
  /** Default 100. */
  readonly baseMs: number
  /** Default 10 000. A longer `Retry-After` is honoured. */
  readonly capMs: number
  /** Time for all attempts and waits together (default 120 000). */
  readonly totalMs: number
}

export interface ConnectOptions {
  /** API key, sent as a bearer token. */
  readonly key?: string
  readonly retry?: Partial<Retry>
  /** Time for one attempt, from sending to the last byte of the answer (default 60 000). */
  readonly timeoutMs?: number
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch
}

export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'
  /** Path below the server's address, with its query. */
  readonly path: string
  readonly body?: Readonly<Record<string, unknown>>
  /** In place of `body`: the bytes of a safetensors file. */
  readonly file?: Uint8Array
  /** The step that the session must be at. */
  readonly match?: number
  /** Whether the request may be sent again when it is not known if it was taken. */
  readonly safe: boolean
  readonly signal?: AbortSignal | undefined
}

// Plain msgpack, which any language reads: no records, small maps with short headers, integers as numbers.
const packr = new Packr({ useRecords: false, variableMapSize: true })
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' })

const MSGPACK = 'application/msgpack'
const FILE = 'application/octet-stream'
const DEFAULTS: Retry = { attempts: 8, baseMs: 100, capMs: 10_000, totalMs: 120_000 }

export class Transport {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #retry: Retry
  readonly #timeoutMs: number
  readonly #fetch: typeof fetch

  constructor(url: string, { key, retry, timeoutMs = 60_000, fetch: send }: ConnectOptions = {}) {
    this.#base = addressOf(url)
    this.#headers = {
      accept: `${MSGPACK}, ${FILE}`,
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    }
    this.#retry = { ...DEFAULTS, ...retry }
    this.#timeoutMs = timeoutMs
    // Browsers refuse a fetch that is called as another object's method.
    this.#fetch = send ?? ((input, init) => globalThis.fetch(input, init))
  }

  /**
   * Send, and answer with the decoded body. Throws `StepdError` when the server refuses, `ConnectionError` when
   * no answer arrives, and the signal's reason when the caller aborts.
   */
  async call(call: Call): Promise<unknown> {
    const { attempts, baseMs, capMs, totalMs } = this.#retry
    const until = Date.now() + totalMs
    const body = bodyOf(call)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#once(call, body, Math.max(1, Math.min(this.#timeoutMs, until - Date.now())))
      } catch (error) {
        // An earlier DELETE was carried out and its answer lost.
        const gone = error instanceof StepdError && error.status === 404
        if (gone && call.method === 'DELETE' && attempt > 1) return undefined
        if (!call.safe || attempt >= attempts || !worthRetrying(error)) throw error
        const jitter = Math.random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
        const wait = jitter + (error instanceof StepdError ? error.retryAfterMs : 0)
        if (Date.now() + wait >= until) throw error
        await sleep(wait, call.signal)
      }
    }
  }

  get(path: string, signal: AbortSignal | undefined): Promise<unknown> {
    return this.call({ method: 'GET', path, safe: true, signal })
  }

  async #once(call: Call, body: BodyInit | undefined, timeoutMs: number): Promise<unknown> {
    const { method, signal } = call
    const url = this.#base + call.path
    signal?.throwIfAborted()
    // By hand: AbortSignal.any keeps an entry a call for as long as the caller's signal lives on Node 20.
    const controller = new AbortController()
    const abort = (): void => controller.abort(signal?.reason)
    const late = (): void => controller.abort(new Error(`no answer within ${timeoutMs} ms`))
    const timer = setTimeout(late, timeoutMs)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      const response = await this.#fetch(url, {
        method,
        headers: { ...this.#headers, ...headersOf(call) },
        signal: controller.signal,
        ...(body === undefined ? {} : { body }),
      })
      const bytes = new Uint8Array(await response.arrayBuffer())
      return decode(`${method} ${url}`, response, bytes)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof StepdError) throw error
      throw new ConnectionError(`Cannot ${method} ${url}: ${reasonOf(error)}`, { cause: error })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
  }
}

/** Without a scheme `127.0.0.1:8080` is no URL, and `localhost:8080` one of the scheme `localhost`. */
function addressOf(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new TypeError(
      `Cannot connect to '${url}': expected http://… or https://…, as http://127.0.0.1:8080`,
    )
  return new URL(url).href.replace(/\/+$/, '')
}

const headersOf = ({ body, file, match }: Call): Readonly<Record<string, string>> => ({
  ...(body && { 'content-type': MSGPACK }),
  ...(file && { 'content-type': FILE }),
  ...(match === undefined ? {} : { 'if-match': `"${match}"` }),
})

const bodyOf = ({ body, file }: Call): BodyInit | undefined =>
  body === undefined ? (file as Uint8Array<ArrayBuffer> | undefined) : encode(body)

/** Fields left undefined are left out: msgpack has no such value. */
function encode(body: Readonly<Record<string, unknown>>): BodyInit {
  const present = Object.entries(body).filter(([, value]) => value !== undefined)
  return packr.pack(Object.fromEntries(present)) as Uint8Array<ArrayBuffer>
}

function decode(request: string, response: Response, bytes: Uint8Array): unknown {
  const { status, ok, headers } = response
  const type = headers.get('content-type') ?? 'no content type'
  if (ok && bytes.length === 0) return undefined
  if (ok && type.includes('msgpack')) return unpackr.unpack(bytes)
  if (ok && type.includes('octet-stream')) return bytes
  const text = new TextDecoder().decode(bytes)
  const odd = `${request} answered ${type}, expected ${MSGPACK}: ${text.slice(0, 200)}`
  const told = !ok && type.includes('json') ? { detail: text, ...parse(text) } : { detail: odd }
  throw new StepdError({ status, code: 'unknown', ...told }, retryAfterMs(headers))
}

function parse(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

/** `Retry-After` is a number of seconds or a date. */
function retryAfterMs(headers: Headers): number {
  const value = headers.get('retry-after')?.trim() ?? ''
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : 0
}

/** Node's fetch says only "fetch failed" and keeps the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${reasonOf(error.cause)}` : error.message
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
