import { connect, type Session, type Spec, type Stepd } from '../client/typescript/index.ts'

/** Where the load goes. */
export class Target {
  readonly url: string
  readonly key: string | undefined
  readonly client: Stepd
  #interrupted = 0

  constructor(url: string, key?: string) {
    this.url = url.replace(/\/+$/, '')
    this.key = key
    const watched: typeof fetch = async (input, init) => {
      try {
        const answer = await fetch(input, init)
        if (answer.status >= 500) this.#interrupted += 1
        return answer
      } catch (error) {
        this.#interrupted += 1
        throw error
      }
    }
    this.client = connect(this.url, { fetch: watched, ...(key === undefined ? {} : { key }) })
  }

  /** Requests of the client that had no answer, or one that says to come again. */
  get interrupted(): number {
    return this.#interrupted
  }

  get headers(): Readonly<Record<string, string>> {
    return {
      'content-type': 'application/msgpack',
      ...(this.key === undefined ? {} : { authorization: `Bearer ${this.key}` }),
    }
  }

  /** Sessions with names that nobody else has. */
  async open(count: number, spec: Spec): Promise<Session[]> {
    const name = `load-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`
    const ids = Array.from({ length: count }, (_, i) => `${name}-${i}`)
    return inGroups(ids, (id) => this.client.open(id, { ttl_s: 3600, ...spec }))
  }

  async forget(sessions: readonly Session[]): Promise<void> {
    await inGroups(sessions, (session) => session.delete())
  }

  /** In the text form of Prometheus; empty where they are not for this key. */
  async metrics(): Promise<string> {
    try {
      const { authorization } = this.headers as { readonly authorization?: string }
      const answer = await fetch(`${this.url}/metrics`, {
        headers: authorization === undefined ? {} : { authorization },
        signal: AbortSignal.timeout(5000),
      })
      const text = await answer.text()
      return answer.ok ? text : ''
    } catch {
      // A server that is being killed says nothing of itself.
      return ''
    }
  }
}

/** A number of those in `metrics`; NaN where it is not there. */
export const metricIn = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1] ?? Number.NaN)

/** Sixteen at a time. */
export async function inGroups<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i += 16)
    results.push(...(await Promise.all(items.slice(i, i + 16).map(work))))
  return results
}
