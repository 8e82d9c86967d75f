import { wasmEngine } from '../../server/engines/wasm/engine.ts'
import { type Measured, planOf, values } from './plans.ts'
import { atMost, type Report } from './report.ts'
import { median, quantile, timed } from './rounds.ts'
import { tensorsOf, WasmSession } from './wasm.ts'

const small = 1024
const steps = 2000
const chain: Measured = {
  name: '',
  chain: 'chain(clip_by_global_norm(1.0), centralize(), adamw(1e-3, nesterov=True))',
  bytes: 0,
}

/** What does not depend on size. To be measured first, while the process has compiled nothing yet. */
export async function latency(): Promise<Report> {
  const cold = await firstStep([16, 64])
  const again: number[] = []
  for (let k = 0; k < 20; k++) again.push(await firstStep([16, 64]))
  const large = await firstStep([2 ** 14, 64])
  const { open, step } = await furtherSessions()
  const micros = await smallSteps()
  return {
    tables: [
      {
        title: 'Small steps and first ones',
        columns: ['what', 'median', 'p99', 'unit'],
        rows: [
          [`step() of ${small} parameters, adam(1e-3)`, median(micros), quantile(micros, 0.99), 'µs'],
          ['first step of a chain, cold process: from its text to updates', cold, '', 'ms'],
          ['the same on a new engine in a warm process', median(again), quantile(again, 0.99), 'ms'],
          ['the same with 1 M parameters: threads are started', large, '', 'ms'],
          ['further session, same chain, other shapes: open', median(open), quantile(open, 0.99), 'ms'],
          ['its first step', median(step), quantile(step, 0.99), 'ms'],
        ],
        notes: [`first steps are those of ${chain.chain}`],
      },
    ],
    goals: [
      atMost(`${small} parameters: step(), µs`, median(micros), 50),
      atMost('first step of a new chain, ms', Math.max(cold, large), 500),
      atMost('further session to open, ms', median(open), 2),
    ],
  }
}

async function firstStep(shape: readonly [number, number]): Promise<number> {
  const numbers = values(shape[0] * shape[1], Math.sin)
  const inputs = { gradients: tensorsOf(numbers), parameters: tensorsOf(numbers) }
  const since = performance.now()
  const session = new WasmSession(planOf(chain, shape), 2)
  await session.step(inputs)
  const spent = performance.now() - since
  await session.close()
  return spent
}

async function furtherSessions(): Promise<{ open: readonly number[]; step: readonly number[] }> {
  const engine = wasmEngine({ threads: 2 })
  const [open, step]: [number[], number[]] = [[], []]
  for (let k = 0; k < 50; k++) {
    const shape = [k + 3, 17]
    const numbers = values((k + 3) * 17, Math.sin)
    const [gradients, want] = [tensorsOf(numbers), { dtype: 'F32', of: 'updates' } as const]
    const since = performance.now()
    const plan = planOf(chain, shape)
    const options = Float64Array.from(plan.options.values())
    const replica = await engine.open(plan, { options })
    const spent = performance.now() - since
    const first = await timed(() => replica.step({ plan, options, gradients, parameters: gradients, want }))
    // The first one of all is a new chain.
    if (k === 0) continue
    open.push(spent)
    step.push(first)
  }
  await engine.close()
  return { open, step }
}

async function smallSteps(): Promise<readonly number[]> {
  const session = new WasmSession(planOf({ ...chain, chain: 'adam(1e-3)' }, [small]), 2)
  const numbers = values(small, Math.sin)
  const inputs = { gradients: tensorsOf(numbers), parameters: tensorsOf(numbers) }
  const spent: number[] = []
  for (let k = 0; k < steps; k++) spent.push((await session.step(inputs)).step * 1e3)
  await session.close()
  return spent.slice(steps / 2)
}
