import type { Case, EngineName, Outcome } from './case.ts'
import { type Difference, isWithin } from './compare.ts'

/** What is printed: progress, each chain that differs with how to run it alone, and the sums at the end. */
export class Report {
  readonly #seed: number
  readonly #total: number
  readonly #began = performance.now()
  readonly #counts = {
    done: 0,
    agree: 0,
    differ: 0,
    illConditioned: 0,
    notFinite: 0,
    both: 0,
    theirs: 0,
    ours: 0,
  }
  readonly #worst = new Map<EngineName, { readonly share: number; readonly text: string }>()
  #said = 0

  constructor(seed: number, total: number, optax: string) {
    this.#seed = seed
    this.#total = total
    console.log(`${total} chains of seed ${seed} against Optax ${optax}`)
  }

  get failed(): boolean {
    return this.#counts.differ > 0 || this.#counts.ours > 0
  }

  add(drawn: Case, outcome: Outcome): void {
    this.#counts.done++
    if (outcome.kind === 'refused') this.#refused(drawn, outcome)
    else this.#compared(drawn, outcome)
    this.#progress()
  }

  end(): void {
    const { done, agree, differ, illConditioned, notFinite, both, theirs, ours } = this.#counts
    console.log(`
${done} chains in ${Math.round((performance.now() - this.#began) / 1000)} s
  ${agree} agree, ${differ} differ
  ${illConditioned} are ill-conditioned: Optax's own float32 is as far away
  ${notFinite} of these have NaN or infinities in Optax, and here the same
  ${both} refused by both, ${theirs} by Optax alone, ${ours} here alone`)
    for (const [engine, { text }] of this.#worst)
      console.log(`  farthest of those that agree, ${engine}: ${text}`)
  }

  #refused(drawn: Case, { theirs, ours }: Extract<Outcome, { kind: 'refused' }>): void {
    const counts = this.#counts
    if (theirs !== undefined && ours !== undefined) counts.both++
    else if (theirs !== undefined) {
      counts.theirs++
      this.#show(drawn, `refused by Optax alone: ${theirs}`)
    } else {
      counts.ours++
      this.#show(drawn, `refused here alone: ${ours}`)
    }
  }

  #compared(
    drawn: Case,
    { finite, differences, illConditioned }: Extract<Outcome, { kind: 'compared' }>,
  ): void {
    const counts = this.#counts
    if (!finite) counts.notFinite++
    if (illConditioned) counts.illConditioned++
    else if (Object.values(differences).every(isWithin)) counts.agree++
    else counts.differ++
    for (const engine of ['reference', 'wasm'] as const) {
      const found = differences[engine]
      if (isWithin(found)) this.#rank(engine, found, drawn)
      else
        this.#show(drawn, `${illConditioned ? 'ill-conditioned: ' : 'DIFFERS: '}${engine} ${describe(found)}`)
    }
  }

  #rank(engine: EngineName, found: Difference, { index }: Case): void {
    const share = found.off / found.allowed
    if (share <= (this.#worst.get(engine)?.share ?? 0)) return
    this.#worst.set(engine, { share, text: `${describe(found)}: --only ${index}` })
  }

  #show({ index, chain, inputs }: Case, what: string): void {
    const tensors = inputs.tensors.map(({ name, shape }) => `${name} [${shape}]`).join(', ')
    console.log(`\n--seed ${this.#seed} --only ${index}\n  ${chain}\n  ${tensors}\n  ${what}`)
  }

  #progress(): void {
    const now = performance.now()
    if (now - this.#said < 10_000) return
    this.#said = now
    const { done, agree, differ } = this.#counts
    console.log(`${done} of ${this.#total}: ${agree} agree, ${differ} differ`)
  }
}

const describe = ({ step, off, allowed }: Difference): string =>
  `off by ${off.toExponential(1)} of the update's norm at step ${step}, allowed ${allowed.toExponential(1)}`
