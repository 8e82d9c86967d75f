import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'

const Count = Type.Integer({ minimum: 1 })

const KeysFile = Type.Object(
  {
    tenants: Type.Record(
      Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$' }),
      Type.Object(
        {
          /** SHA-256 of each key, in hex: a key of 256 random bits needs no slower hash. */
          keys: Type.Array(Type.String({ pattern: '^[0-9a-f]{64}$' })),
          sessions: Type.Optional(Count),
          state_bytes: Type.Optional(Count),
          bytes_per_s: Type.Optional(Count),
          requests_per_s: Type.Optional(Count),
          operator: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
type KeysFile = Static<typeof KeysFile>
export type TenantEntry = Omit<KeysFile['tenants'][string], 'keys'>

const hash = (key: string): Buffer => createHash('sha256').update(key).digest()

/** The keys of a file: whose each is, and what the tenant may. */
export class Keys {
  readonly tenants: ReadonlyMap<string, TenantEntry>
  readonly #known: readonly { readonly hash: Buffer; readonly tenant: string }[]

  private constructor({ tenants }: KeysFile) {
    const entries = Object.entries(tenants)
    this.tenants = new Map(entries.map(([name, { keys: _, ...entry }]) => [name, entry]))
    this.#known = entries.flatMap(([tenant, { keys }]) =>
      keys.map((hex) => ({ hash: Buffer.from(hex, 'hex'), tenant })),
    )
  }

  /** @throws Error that says what is wrong with the file */
  static async read(path: string): Promise<Keys> {
    return new Keys(await readKeysFile(path))
  }

  /** Whose key it is. All are compared, each in constant time. */
  tenantOf(key: string): string | undefined {
    const given = hash(key)
    let found: string | undefined
    for (const { hash, tenant } of this.#known) if (timingSafeEqual(hash, given)) found = tenant
    return found
  }
}

async function readKeysFile(path: string): Promise<KeysFile> {
  const text = await readFile(path, 'utf8')
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    throw new Error(`Cannot read the keys in ${path} as JSON: ${(error as Error).message}`)
  }
  if (Value.Check(KeysFile, content)) return content
  const [first] = Value.Errors(KeysFile, content)
  throw new Error(`Cannot read the keys in ${path}: ${first?.instancePath || 'the file'} ${first?.message}`)
}

/**
 * Make a key for a tenant and note its hash in the file; both are made where they are not there. The key itself is
 * kept nowhere.
 */
export async function addKey(path: string, tenant: string): Promise<string> {
  const before = await readKeysFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return { tenants: {} } as KeysFile
  })
  const key = `stepd_${randomBytes(32).toString('base64url')}`
  const { keys = [], ...entry } = before.tenants[tenant] ?? {}
  const content = {
    tenants: { ...before.tenants, [tenant]: { ...entry, keys: [...keys, hash(key).toString('hex')] } },
  }
  if (!Value.Check(KeysFile, content))
    throw new Error(`A tenant cannot be called ${tenant}: expected 1 to 63 of A-Z a-z 0-9 _ -`)
  // Whole or not at all: a server may read it at any time.
  const draft = `${path}.${process.pid}.new`
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  await rename(draft, path)
  return key
}
