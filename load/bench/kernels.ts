import { sizeOf } from '../../server/compiler/plan.ts'
import { type Eager, eagerContender, openRivals } from './eager.ts'
import { Native } from './native.ts'
import { chains, type Measured, planOf, shapeOf, values } from './plans.ts'
import type { Report } from './report.ts'
import { type Contender, inRounds } from './rounds.ts'
import type { Settings } from './settings.ts'
import { goalsOf, passTable, type Raced, stepTable } from './tables.ts'
import { tensorsOf, wasmContender } from './wasm.ts'

const { momentum, lion, rmsprop, adam, adamw, norm, rows } = chains
const measured: readonly Measured[] = [
  momentum,
  lion,
  rmsprop,
  adam,
  adamw,
  norm,
  { ...rows, row: 27 },
  { ...rows, row: 4000 },
  { ...rows, row: 1_000_000 },
]
const times = 5

/** Each main chain on the engine, with one thread and two, against C and against ops that run one by one. */
export async function kernels(settings: Settings): Promise<Report> {
  const { eager, missing } = await openRivals()
  const raced = await Native.with(async (native) => {
    const found: Raced[] = []
    for (const chain of measured) {
      settings.say(`  ${chain.chain} ${chain.row ?? ''}`)
      found.push(await race(chain, settings, native, eager))
    }
    return found
  })
  const names = eager.map(({ name }) => name)
  return { tables: [passTable(raced), stepTable(raced, names, missing)], goals: goalsOf(raced) }
}

async function race(
  chain: Measured,
  { size, rounds }: Settings,
  native: Native,
  eager: readonly Eager[],
): Promise<Raced> {
  const shape = shapeOf(chain, size)
  const plan = planOf(chain, shape)
  const parameters = plan.tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0)
  const [g, p] = [values(parameters, Math.sin), values(parameters, Math.cos)]
  const inputs = { gradients: tensorsOf(g), parameters: tensorsOf(p) }
  const layout = [parameters, chain.row ?? 1] as const
  const contenders: Contender[] = [1, 2].flatMap((threads) => [
    wasmContender(`wasm ${threads}`, plan, threads, times, inputs),
    native.contender(`C ${threads}`, chain.name, layout, threads, times),
    native.contender(`copy ${threads}`, 'copy', layout, threads, times),
  ])
  if (chain.row !== undefined)
    contenders.push(wasmContender('plain adam', planOf(adam, shape), 1, times, inputs))
  for (const one of eager) contenders.push(eagerContender(one, { loop: chain.name, shape, g, p, times: 1 }))
  return { chain, parameters, results: await inRounds(contenders, rounds) }
}
