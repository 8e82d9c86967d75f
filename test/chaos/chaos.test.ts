import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chaos } from './run.ts'
import { told } from './tally.ts'

test('no step is lost or taken twice while servers are killed, Redis restarts and connections break', async (t) => {
  const tally = await chaos({ kills: 50, seed: 1 })
  const happened = told(tally)
  t.diagnostic(happened)
  // Or nothing of this was tested: requests must have been cut short, and of those some taken.
  assert.ok(tally.kills >= 50 && tally.restarts > 0 && tally.cuts > 0, happened)
  assert.ok(tally.lost > 0 && tally.replayed > 0, happened)
})
