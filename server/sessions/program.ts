import type { TensorSpec } from '../../schemas/index.ts'
import { readChain, record } from '../chains/index.ts'
import { compile } from '../compiler/compile.ts'
import type { Plan } from '../compiler/plan.ts'
import type { Spec } from './spec.ts'

/** A session's chain, ready to run on its tensors. */
export interface Program {
  readonly plan: Plan
  /** The same with norms and counts measured; its state is laid out alike. */
  readonly measured: Plan
  /** What the chain needs, whoever keeps the parameters. */
  readonly needs: Plan['needs']
  /** Number of elements of each tensor. */
  readonly sizes: readonly number[]
}

const kept = 256

/** Programs of the specifications used last. */
export class Programs {
  readonly #known = new Map<string, Program>()

  of(spec: Pick<Spec, 'chain' | 'tensors' | 'keeps'>): Program {
    const key = JSON.stringify([spec.chain, spec.keeps, spec.tensors.map(({ name, shape }) => [name, shape])])
    const known = this.#known.get(key) ?? build(spec.chain, spec.tensors, spec.keeps)
    this.#known.delete(key)
    this.#known.set(key, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > kept && oldest !== undefined) this.#known.delete(oldest)
    return known
  }
}

function build(chain: string, specs: readonly TensorSpec[], keep: boolean): Program {
  const term = readChain(chain)
  const tensors = specs.map(({ name, shape }) => ({ name, shape, rank: shape.length }))
  const plan = (keep: boolean, stats: boolean) => compile(record(term, tensors, { keep, stats }))
  return {
    plan: plan(keep, false),
    measured: plan(keep, true),
    needs: plan(false, false).needs,
    sizes: tensors.map(({ shape }) => shape.reduce((n, d) => n * d, 1)),
  }
}
