import assert from 'node:assert/strict'
import type { Redis } from 'ioredis'

/** How long what is sent ahead may lie there, in milliseconds. */
const staged = 90_000

/** That Redis keeps of these sessions what they are made of, and nothing else but what was sent ahead and expires. */
export async function checkLeftovers(client: Redis, keys: readonly string[]): Promise<void> {
  const known = new Set<string>()
  for (const tag of keys.map((key) => `{stepd:${key}}`)) {
    for (const part of ['head', 'record', 'log', 'old', 'open', 'closed', 'last', 'taken'])
      known.add(`${tag}:${part}`)
    const snapshot = (await client.get(`${tag}:head`))?.split(' ')[6]
    for (const reference of [
      ...(await client.lrange(`${tag}:log`, 0, -1)),
      // A server that was killed as it trimmed these left them to who makes the next snapshot.
      ...(await client.lrange(`${tag}:old`, 0, -1)),
      ...(snapshot === undefined || snapshot === '-' ? [] : [snapshot]),
    ]) {
      const [name, parts] = reference.split(':')
      for (let part = 0; part < Math.max(1, Number(parts)); part++) known.add(`${tag}:b:${name}:${part}`)
    }
  }
  for (const key of await client.keys('*')) {
    const left = await client.pttl(key)
    // Gone between the two calls.
    if (left === -2) continue
    assert.ok(left > 0, `${key} is there for ever`)
    const sent = /\}:s:[0-9a-f]{32}:\d+$/.test(key)
    assert.ok(sent ? left <= staged : known.has(key), `${key} is left over, for ${left} ms`)
  }
}
