import type { Redis } from 'ioredis'
import type { Caller } from './caller.ts'
import { addressOf, masters } from './masters.ts'

const forbidden = (reason: unknown): boolean =>
  /NOPERM|unknown command|not allowed/i.test(reason instanceof Error ? reason.message : String(reason))

/** `maxmemory-policy`; hosted Redis often forbids CONFIG and tells in INFO. */
const policyOf = async (caller: Caller, node: Redis): Promise<string | undefined> => {
  const what = 'read maxmemory-policy'
  try {
    const [, policy] = (await caller.bounded(what, '', () =>
      node.config('GET', 'maxmemory-policy'),
    )) as string[]
    if (policy !== undefined) return policy
  } catch (error) {
    if (!forbidden(error)) throw error
  }
  try {
    return /^maxmemory_policy:(\S+)/m.exec(await caller.bounded(what, '', () => node.info('memory')))?.[1]
  } catch (error) {
    if (!forbidden(error)) throw error
    return undefined
  }
}

/** Refuse a server that drops keys when memory runs out: sessions would lose bytes instead of being refused. */
export const refuseEviction = async (caller: Caller, warn: (message: string) => void): Promise<void> => {
  // Answers once connected, and so once a cluster knows its masters.
  await caller.command('connect', 'exists', 'stepd')
  const nodes = await caller.bounded('connect', '', async () => masters(caller.client))
  for (const { node } of nodes) {
    const policy = await policyOf(caller, node)
    if (policy === undefined) {
      warn(`Cannot read maxmemory-policy of Redis at ${addressOf(node)}: make sure that it is noeviction`)
    } else if (policy !== 'noeviction') {
      throw new Error(
        `Cannot use Redis at ${addressOf(node)}: maxmemory-policy is ${policy}, expected noeviction; evicted keys would be lost state`,
      )
    }
  }
}
