import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Happening, History, keptOf, type Told } from '../../server/sessions/history.ts'
import { Programs } from '../../server/sessions/program.ts'

const tensors = [{ name: 'w', shape: [2] }]
const { plan } = new Programs().of({ chain: 'adam(0.1)', tensors, keeps: false })
const most = keptOf(plan)
const scalars = (seq: number) => new Map([...plan.exposed.keys()].map((name, k) => [name, seq + k / 8]))
const stats = (seq: number) => Object.fromEntries(scalars(seq))

/** What happens with entry `seq`, in every form, and what it is to be remembered as. */
function happen(history: History, seq: number): Happening {
  const at = { seq, step: seq }
  if (seq % 7 === 3) {
    history.hyperparams(at, [[0, seq / 4]])
    const [path = ''] = plan.options.keys()
    return { ...at, kind: 'hyperparams', hyperparams: { [path]: seq / 4 } }
  }
  const told: Told = {
    ...(seq % 3 === 0 ? { loss: seq % 2 === 0 ? seq : 0 } : {}),
    ...(seq % 5 === 0 ? { workers: 3 } : {}),
    ...(seq % 11 === 0 ? { measure: true } : {}),
  }
  const more = told.measure ? new Map([...scalars(seq), ['grad_norm', 2]]) : scalars(seq)
  history.step(at, told, more)
  const { loss, workers } = told
  return {
    ...at,
    kind: 'step',
    ...(loss === undefined ? {} : { value: loss }),
    ...(workers === undefined ? {} : { workers }),
    stats: told.measure ? Object.fromEntries(more) : stats(seq),
  }
}

test('the latest that happened is kept in order, whatever it was, and it is told since when', () => {
  const history = new History(plan)
  const all: Happening[] = []
  for (let seq = 1; seq <= 3 * most; seq++) {
    all.push(happen(history, seq))
    const kept = all.slice(-most)
    if (seq < 40 || seq % 50 === 0 || seq > 3 * most - 3)
      assert.deepEqual(history.past, { begins: kept[0]?.seq, happened: kept }, `after ${seq}`)
  }
})

test('it goes on from a snapshot, of which what comes again is known', () => {
  const first = new History(plan)
  const all = Array.from({ length: most + 20 }, (_, k) => happen(first, k + 1))
  const second = new History(plan)
  second.begin({ seq: most + 10, step: most + 10 }, first.past)
  for (let seq = most + 11; seq <= most + 40; seq++) {
    const again = happen(second, seq)
    if (seq > most + 20) all.push(again)
  }
  assert.deepEqual(second.past, { begins: 41, happened: all.slice(-most) })
  const put = new History(plan)
  put.begin({ seq: 5, step: 9 }, undefined)
  assert.deepEqual(put.past, { begins: 5, happened: [{ seq: 5, step: 9, kind: 'state' }] })
})
