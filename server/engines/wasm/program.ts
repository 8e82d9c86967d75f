import type { Pass, Plan } from '../../compiler/plan.ts'
import type { Expr } from '../../expression/index.ts'
import { type AxesKernel, writeAxesKernel } from './axes.ts'
import type { Format } from './formats.ts'
import { type Kernel, layoutsOf, writeKernel } from './kernel.ts'
import type { Compiled, Modules } from './modules.ts'

/** Number types of a step's buffers. */
export interface Variant {
  readonly gradient: Format
  readonly parameter: Format
  readonly update: Format | undefined
}

export interface CompiledPass {
  readonly pass: Pass
  /** In one layout or more. */
  readonly kernels: readonly CompiledKernel[]
}

export interface CompiledKernel {
  readonly kernel: Kernel | AxesKernel
  readonly module: Compiled
}

/** A plan in machine code: its stages, and the passes of each. */
export interface WasmProgram {
  readonly stages: readonly (readonly CompiledPass[])[]
  /** Reductions of rows that a later pass reads, by group. */
  readonly rowArrays: readonly (readonly Expr[])[]
  /** Whether the buffers of a step, as they are laid out in memory, are good for the next one. */
  readonly repeats: boolean
}

/** Plans in machine code, kept as long as the plans are. */
export class WasmPrograms {
  readonly modules: Modules
  readonly #known = new WeakMap<Plan, Map<string, WasmProgram>>()

  constructor(modules: Modules) {
    this.modules = modules
  }

  of(plan: Plan, variant: Variant): WasmProgram {
    const variants = this.#known.get(plan) ?? new Map<string, WasmProgram>()
    this.#known.set(plan, variants)
    const key = `${variant.gradient} ${variant.parameter} ${variant.update}`
    const known = variants.get(key) ?? this.#build(plan, variant)
    variants.set(key, known)
    return known
  }

  #build(plan: Plan, variant: Variant): WasmProgram {
    const rowArrays = plan.groups.map((_, group) => keptRows(plan, group))
    const bf16 = new Set(
      plan.state.filter(({ definition }) => definition.type === 'BF16').map(({ slot }) => slot),
    )
    const formats = { ...variant, slot: (name: string): Format => (bf16.has(name) ? 'BF16' : 'F32') }
    const stages = plan.stages.map(({ passes }) =>
      passes.map((pass) => {
        const rows = rowArrays[pass.group] ?? []
        const written = hasVectors(pass, plan)
          ? [writeAxesKernel(pass, formats, rows, plan.vectors)]
          : layoutsOf(pass).map((layout) => writeKernel(pass, layout, formats, rows))
        const kernels = written.map((kernel) => ({ kernel, module: this.modules.compile(kernel.bytes) }))
        return { pass, kernels }
      }),
    )
    const repeats =
      plan.temporaries.every((slots) => slots.length === 0) &&
      stages.every((passes) =>
        passes.every(({ kernels }) => kernels.every(({ kernel }) => !('sets' in kernel))),
      )
    return { stages, rowArrays, repeats }
  }
}

/** What a group's passes read of rows that an earlier pass reduced. */
function keptRows(plan: Plan, group: number): Expr[] {
  const passes = plan.stages.flatMap((stage) => stage.passes).filter((pass) => pass.group === group)
  const found = passes.flatMap(({ phases }) => {
    const own = new Set(phases.flatMap(({ reductions }) => reductions.map(({ value }) => value)))
    return phases.flatMap(({ program }) =>
      program.filter((x) => x.node.op === 'reduce' && !own.has(x) && !plan.vectors.has(x)),
    )
  })
  return [...new Set(found)]
}

/** Whether a pass reads or makes vectors. */
const hasVectors = ({ phases }: Pass, { vectors }: Plan): boolean =>
  phases.some(
    ({ program, reductions }) =>
      program.some((x) => vectors.has(x)) || reductions.some(({ value }) => vectors.has(value)),
  )
