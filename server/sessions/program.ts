import { Problem, type TensorSpec } from '../../schemas/index.ts'
import { callsOf, readChain, record } from '../chains/index.ts'
import { compile } from '../compiler/compile.ts'
import type { Plan } from '../compiler/plan.ts'
import type { Spec } from './spec.ts'

/** A session's chain, ready to run on its tensors. */
export interface Program {
  readonly plan: Plan
  /** The same with norms and counts measured; its state is laid out alike. */
  readonly measured: Plan
  /** Gives the parameters to evaluate with as its updates, out of the state as it is, which it leaves so. */
  readonly evaluated: Plan
  /** What the chain needs, whoever keeps the parameters. */
  readonly needs: Plan['needs']
  /** Number of elements of each tensor. */
  readonly sizes: readonly number[]
}

/** Programs that are kept, and tensors of all of them together. */
const kept = { programs: 256, tensors: 200_000 } as const

/** Programs of the specifications used last. */
export class Programs {
  readonly #known = new Map<string, Program>()
  #tensors = 0

  of(spec: Pick<Spec, 'chain' | 'tensors' | 'keeps'>): Program {
    const key = JSON.stringify([spec.chain, spec.keeps, spec.tensors.map(({ name, shape }) => [name, shape])])
    const known = this.#known.get(key)
    const program = known ?? build(spec.chain, spec.tensors, spec.keeps)
    this.#known.delete(key)
    this.#known.set(key, program)
    if (known === undefined) this.#tensors += program.sizes.length
    for (const [oldest, { sizes }] of this.#known) {
      if (this.#known.size <= kept.programs && this.#tensors <= kept.tensors) break
      this.#known.delete(oldest)
      this.#tensors -= sizes.length
    }
    return program
  }
}

function build(chain: string, specs: readonly TensorSpec[], keep: boolean): Program {
  const term = readChain(chain)
  checkEffort(callsOf(term), specs)
  const tensors = specs.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
  const compiled = (keep: boolean, stats: boolean, evaluation = false) =>
    compile(record(term, tensors, { keep, stats, evaluation }))
  const plan = compiled(keep, false)
  let measured: Plan | undefined
  let evaluated: Plan | undefined
  return {
    plan,
    get measured() {
      measured ??= compiled(keep, true)
      return measured
    },
    get evaluated() {
      evaluated ??= compiled(true, false, true)
      return evaluated
    },
    needs: keep ? compiled(false, false).needs : plan.needs,
    sizes: tensors.map(({ shape }) => shape.reduce((n, d) => n * d, 1)),
  }
}

/** Of calls and tensors together, a shape counting for eight: what takes some two seconds to compile. */
const effort = 160_000

/** @throws Problem `invalid_request` where others would wait too long for the plan to be made */
function checkEffort(calls: number, tensors: readonly TensorSpec[]): void {
  const shapes = new Set(tensors.map(({ shape }) => shape.join())).size
  if (calls * (tensors.length + 8 * shapes) <= effort) return
  const most = Math.floor(effort / (tensors.length + 8 * shapes))
  const detail = `The chain makes ${calls} calls on ${tensors.length} tensors of ${shapes} shapes, and on so many at most ${most} may be`
  throw new Problem('invalid_request', detail, { path: '/tensors' })
}
