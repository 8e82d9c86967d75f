import { Native } from './native.ts'
import { chains, type Measured, planOf, values } from './plans.ts'
import { atLeast, atMost, type Report } from './report.ts'
import { inRounds } from './rounds.ts'
import type { Settings } from './settings.ts'
import { tensorsOf, WasmSession, wasmContender } from './wasm.ts'

/** A pass that arithmetic bounds: what a second thread brings where memory is not in the way. */
export async function arithmetic({ size, rounds }: Settings): Promise<Report> {
  const n = Math.ceil(size / 8)
  const numbers = values(n, Math.sin)
  const inputs = { gradients: tensorsOf(numbers), parameters: tensorsOf(numbers) }
  const plan = planOf(chains.tanh, [n])
  const results = await Native.with((native) =>
    inRounds(
      [1, 2].flatMap((threads) => [
        wasmContender(`wasm ${threads}`, plan, threads, 3, inputs),
        native.contender(`C ${threads}`, 'tanh', [n, 1], threads, 3),
      ]),
      rounds,
    ),
  )
  const row = (who: string) => {
    const [one, two] = [results.median(`${who} 1`), results.median(`${who} 2`)]
    return [who, one, (one * 1e6) / n, two, results.ratio(`${who} 1`, `${who} 2`)]
  }
  return {
    tables: [
      {
        title: `A tanh an element, ${n} elements`,
        columns: ['by', '1 thread, ms', 'ns/element', '2 threads, ms', '1 thread/2'],
        rows: [row('wasm'), row('C')],
        notes: ['C: tanhf of the C library, element by element'],
      },
    ],
    goals: [atLeast('tanh: 1 thread / 2 threads', results.ratio('wasm 1', 'wasm 2'), 1.5)],
  }
}

const aged = 1000

/** A parameter without gradients must not settle in denormals, which cost many times as much. */
export async function silence({ rounds }: Settings): Promise<Report> {
  const n = 2 ** 16
  const names = ['momentum', 'rmsprop', 'adam'] as const
  const ratios: [string, number, number, number][] = []
  for (const name of names) {
    const chain: Measured = chains[name]
    const live = tensorsOf(values(n, Math.sin))
    const zero = tensorsOf(new Float32Array(n))
    const contenders = [
      { who: 'ordinary', gradients: live },
      { who: 'silent', gradients: zero },
    ].map(({ who, gradients }) => {
      const session = new WasmSession(planOf(chain, [n]), 1)
      const age = (async () => {
        await session.step({ gradients: live, parameters: live })
        for (let k = 0; k < aged; k++) await session.step({ gradients, parameters: live })
      })()
      return {
        name: who,
        async run() {
          await age
          return session.step({ gradients, parameters: live }, 101)
        },
        close: () => session.close(),
      }
    })
    const results = await inRounds(contenders, 3 * rounds)
    const micros = (who: string) => results.median(who) * 1e3
    ratios.push([chain.chain, micros('ordinary'), micros('silent'), results.ratio('silent', 'ordinary')])
  }
  return {
    tables: [
      {
        title: `A parameter whose gradient has been zero for ${aged} steps, ${n} elements`,
        columns: ['chain', 'ordinary, µs', 'silent, µs', 'silent/ordinary'],
        rows: ratios,
      },
    ],
    goals: ratios.map(([chain, , , ratio]) =>
      atMost(`${chain}: silent parameter / ordinary one`, ratio, 1.1),
    ),
  }
}
