import { Problem } from '../../schemas/index.ts'
import { canonical, catalogue } from '../chains/index.ts'
import type { Page, Store } from '../stores/store.ts'

/** Chains that are registered under a name, in canonical form. Names are `tenant/name`. */
export class Registry {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async put(key: string, chain: unknown): Promise<string> {
    const name = nameOf(key)
    if (catalogue.has(name))
      throw new Problem(
        'invalid_request',
        `${name} is the name of a transformation: register the chain under another`,
        {
          path: '/name',
        },
      )
    const text = canonical(chain)
    await this.#store.putValue(key, Buffer.from(text))
    return text
  }

  async get(key: string): Promise<string> {
    const text = await this.#store.getValue(key)
    if (text === undefined) throw missing(nameOf(key))
    return Buffer.from(text).toString()
  }

  async delete(key: string): Promise<void> {
    if (!(await this.#store.deleteValue(key))) throw missing(nameOf(key))
  }

  list(prefix: string, limit: number, cursor?: string): Promise<Page> {
    return this.#store.listValues(prefix, limit, cursor)
  }

  /** A chain as given in a request: a bare name is that of a registered chain, all else stays as it is. */
  async lookUp(
    tenant: string,
    chain: string | Record<string, unknown>,
  ): Promise<string | Record<string, unknown>> {
    return typeof chain === 'string' && /^[\w.~-]{1,128}$/.test(chain.trim())
      ? this.get(`${tenant}/${chain.trim()}`)
      : chain
  }
}

const nameOf = (key: string) => key.slice(key.indexOf('/') + 1)

function missing(name: string): Problem {
  const call = catalogue.has(name) ? `; to apply the transformation, call it: ${name}(...)` : ''
  return new Problem('chain_not_found', `No chain is registered as ${name}${call}`)
}
