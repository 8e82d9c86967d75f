import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore } from './simulation/explore.ts'
import type { Planted } from './simulation/wire.ts'

test('no interleaving of servers, workers, crashes and lost calls loses a step or takes one twice', async () => {
  const { wrong, runs, crashes, faults } = await explore({ first: 1, runs: 1000 })
  assert.equal(wrong, undefined, JSON.stringify(wrong))
  assert.ok(runs === 1000 && crashes > 100 && faults > 1000, `${crashes} crashes, ${faults} faults`)
})

const planted: Readonly<Record<string, Planted>> = {
  'an append that is not checked': async (entry) => {
    const { after: _, round: __, once: ___, ...unchecked } = entry
    return entry.round === undefined ? unchecked : entry
  },
  'a step that is closed twice': async (entry, append) => {
    if (entry.round === undefined) return entry
    await append({ ...entry, id: entry.id.replace(/^./, 'f'), round: { least: 1, age: 0 } })
    return entry
  },
  'a contribution that counts again when it is sent again': async (entry) =>
    entry.round !== undefined && 'member' in entry.round
      ? { ...entry, round: { ...entry.round, member: `${entry.round.member}-${entry.id.slice(0, 2)}` } }
      : entry,
}
for (const [name, fault] of Object.entries(planted))
  test(`the simulation finds ${name}`, async () => {
    const { wrong, runs } = await explore({ first: 1, runs: 400, planted: fault })
    assert.ok(wrong, `not found in ${runs} runs`)
  })
