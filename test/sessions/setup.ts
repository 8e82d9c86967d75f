import assert from 'node:assert/strict'
import type { Engine } from '../../server/engines/engine.ts'
import { referenceEngine } from '../../server/engines/reference.ts'
import type { JournalBudget } from '../../server/sessions/live.ts'
import { Programs } from '../../server/sessions/program.ts'
import { Sessions, type StepResult } from '../../server/sessions/sessions.ts'
import type { Store } from '../../server/stores/store.ts'

/** Budgets that take a snapshot every few steps, and never. */
export const small: JournalBudget = { entries: 3, bytes: 1, states: 0 }
export const large: JournalBudget = { entries: 1e6, bytes: 1e12, states: 1e6 }

interface Setup {
  readonly store: Store
  readonly engine?: Engine
  readonly budget?: JournalBudget
  readonly memoryLimit?: number
  readonly warn?: (message: string, error: unknown) => void
}

let ids = 0

/** The sessions of one server. */
export const sessionsOn = ({
  store,
  engine = referenceEngine(),
  budget = small,
  memoryLimit = 1e9,
  warn = (message, error) => assert.fail(`${message}: ${error}`),
}: Setup): Sessions =>
  new Sessions({
    engine,
    store,
    programs: new Programs(),
    budget,
    memoryLimit,
    queueLimit: 64,
    random: () => (ids++).toString(16).padStart(32, '0'),
    warn,
  })

/** A store some of whose methods are others. */
export const altered = (store: Store, own: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(name in own ? own : target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })

export const bytes = ({ output: { parts = [] } }: StepResult): Buffer => Buffer.concat(parts)

export async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
