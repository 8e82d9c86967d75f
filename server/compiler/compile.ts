import type { Axes, Expr, Extent, Trace } from '../expression/index.ts'
import { type Alike, groupBodies } from './group.ts'
import type { Commit, Pass, Phase, Plan, Reduction, Scalar, Stage, StatePiece } from './plan.ts'
import { placeKey, sizeOf } from './plan.ts'

const isScalar = (x: Expr) => x.extent === 'host' || x.extent === 'tree' || x.extent === 'tensor'

/** Make a plan of a recorded chain. */
export function compile(trace: Trace): Plan {
  const groups = groupBodies(trace.bodies)
  const state = layOut(trace)
  const schedule = new Scheduler(groups)
  const commits = commitsOf(trace, groups, state)
  const exposed = new Map(groups.flatMap(({ body }) => [...body.exposed]))
  for (const [index, { body }] of groups.entries()) {
    for (const value of [body.update, ...body.next.values(), ...body.exposed.values()])
      schedule.need(value, index)
  }
  const leaves = new Set([...schedule.leaves].map(({ node }) => node.op))
  return {
    tensors: trace.tensors,
    groups: groups.map(({ tensors }) => ({ tensors })),
    stages: schedule.stages(),
    commits,
    options: trace.options,
    state,
    places: new Map(state.map(({ slot, tensor }, i) => [placeKey(slot, tensor), i])),
    registers: schedule.registers(trace.tensors.length),
    exposed,
    needs: { parameters: leaves.has('parameter'), loss: leaves.has('loss') },
  }
}

/** State in a fixed order: slots as the first tensor that has them names them, tensors in declared order. */
function layOut({ tensors, bodies }: Trace): StatePiece[] {
  const slots = new Map([...new Set(bodies)].flatMap((body) => [...body.slots]))
  return [...slots].flatMap(([slot, definition]): StatePiece[] => {
    if (definition.extent === 'session') return [{ slot, definition, size: 1 }]
    return tensors.flatMap((tensor, i) => {
      const own = bodies[i]?.slots.get(slot)
      const size = definition.extent === 'tensor' ? 1 : sizeOf(tensor)
      return own === undefined ? [] : [{ slot, definition: own, tensor: i, size }]
    })
  })
}

function commitsOf(trace: Trace, groups: readonly Alike[], state: readonly StatePiece[]): Commit[] {
  return state.flatMap(({ slot, definition, tensor }, piece): Commit[] => {
    if (definition.extent === 'element') return []
    const holders = groups.filter(({ tensors }) => tensor === undefined || tensors.includes(tensor))
    const values = new Set(holders.flatMap(({ body }) => body.next.get(slot) ?? []))
    const [value] = values
    if (value === undefined || values.size > 1)
      throw new Error(
        `The session slot ${slot} becomes ${values.size} different values on ${trace.tensors.length} tensors`,
      )
    return [{ piece, value, ...(tensor === undefined ? {} : { tensor }) }]
  })
}

/** A point in the course of a step. */
interface Point {
  readonly stage: number
  readonly phase: number
}
const later = (a: Point, b: Point): Point =>
  a.stage > b.stage || (a.stage === b.stage && a.phase > b.phase) ? a : b
const start: Point = { stage: 0, phase: 0 }

/** Which stage and phase each value is computed in, and in what order. */
class Scheduler {
  readonly #groups: readonly Alike[]
  readonly #points = new Map<Expr, Point>()
  readonly #scalars = new Map<string, { readonly scalar: Scalar; readonly stage: number }>()
  readonly #reductions: Map<Expr, Reduction>[]
  readonly #registers = new Set<Expr>()
  readonly #visited: Set<Expr>[]
  readonly #names = new Map<Expr, number>()
  readonly leaves = new Set<Expr>()

  constructor(groups: readonly Alike[]) {
    this.#groups = groups
    this.#reductions = groups.map(() => new Map())
    this.#visited = groups.map(() => new Set())
  }

  /** When a value can be computed first: over elements in that phase, as a scalar before the passes of that stage. */
  #point(x: Expr): Point {
    const known = this.#points.get(x)
    if (known !== undefined) return known
    const before = [...x.args, ...this.#parts(x).map(({ value }) => value)]
    const latest = before.map((arg) => this.#point(arg)).reduce(later, start)
    const point = x.node.op === 'reduce' ? after(x.node.axes, x.extent, latest) : latest
    this.#points.set(x, point)
    return point
  }

  #parts({
    node,
  }: Expr): readonly { readonly tensor: number; readonly group: number; readonly value: Expr }[] {
    if (node.op !== 'collect') return []
    const parts = this.#groups.flatMap(({ tensors, body }, group) => {
      const given = body.gives.get(node.place)
      return given === undefined ? [] : tensors.map((tensor) => ({ tensor, group, value: given.value }))
    })
    return parts.sort((a, b) => a.tensor - b.tensor)
  }

  /** Plan for a value, as a group of tensors needs it, after what it depends on. */
  need(x: Expr, group: number): void {
    const visited = this.#visited[group]
    if (visited === undefined || visited.has(x)) return
    visited.add(x)
    const parts = this.#parts(x)
    for (const arg of x.args) this.need(arg, group)
    for (const part of parts) this.need(part.value, part.group)
    if (x.args.length === 0) this.leaves.add(x)
    if (isScalar(x)) this.#registers.add(x)
    const [of] = x.args
    if (x.node.op === 'reduce' && of !== undefined) {
      this.#reductions[group]?.set(x, { value: x, combine: x.node.combine, of })
    } else if (isScalar(x)) {
      const key = `${this.#name(x)} ${x.extent === 'tensor' ? group : ''}`
      if (this.#scalars.has(key)) return
      const scalar: Scalar = {
        value: x,
        ...(x.extent === 'tensor' ? { group } : {}),
        ...(parts.length > 0 ? { parts } : {}),
      }
      this.#scalars.set(key, { scalar, stage: this.#point(x).stage })
    }
  }

  #name(x: Expr): number {
    const known = this.#names.get(x) ?? this.#names.size
    this.#names.set(x, known)
    return known
  }

  stages(): Stage[] {
    const passes = this.#groups.flatMap((alike, group) => this.#passesOf(alike, group))
    const scalars = [...this.#scalars.values()]
    const last = Math.max(...passes.map(({ stage }) => stage), ...scalars.map(({ stage }) => stage))
    return Array.from({ length: last + 1 }, (_, stage) => ({
      scalars: scalars.filter((s) => s.stage === stage).map(({ scalar }) => scalar),
      passes: passes.filter((p) => p.stage === stage).map(({ pass }) => pass),
    }))
  }

  #passesOf({ body }: Alike, group: number): { readonly pass: Pass; readonly stage: number }[] {
    const reductions = [...(this.#reductions[group]?.values() ?? [])]
    const stores = [...body.next]
      .filter(([slot]) => body.slots.get(slot)?.extent === 'element')
      .map(([slot, value]) => ({ slot, value }))
    const ends = [...reductions.map(({ of }) => of), ...stores.map(({ value }) => value), body.update]
    const last = ends.map((value) => this.#point(value)).reduce(later, start)
    const phaseAt = (point: Point): Phase => {
      const here = reductions.filter(({ of }) => same(this.#point(of), point))
      const written = same(point, last) ? { stores, update: body.update } : { stores: [] }
      const targets = [...here.map(({ of }) => of), ...written.stores.map(({ value }) => value)]
      if (written.update !== undefined) targets.push(written.update)
      return { program: programFor(targets), reductions: here, ...written }
    }
    return Array.from({ length: last.stage + 1 }, (_, stage) => {
      const points = [last, ...reductions.map(({ of }) => this.#point(of))].filter(
        (point) => point.stage === stage,
      )
      const count = Math.max(-1, ...points.map(({ phase }) => phase)) + 1
      const phases = Array.from({ length: count }, (_, phase) => phaseAt({ stage, phase }))
      return { stage, pass: { group, phases } }
    }).filter(({ pass }) => pass.phases.length > 0)
  }

  registers(tensors: number): Plan['registers'] {
    const base = new Map<Expr, number>()
    let length = 0
    for (const x of this.#registers) {
      base.set(x, length)
      length += x.extent === 'tensor' ? tensors : 1
    }
    return { length, base }
  }
}

const same = (a: Point, b: Point) => a.stage === b.stage && a.phase === b.phase

/** When what a reduction gave can be used. */
const after = (axes: Axes, extent: Extent, { stage, phase }: Point): Point =>
  axes === 'rows' && extent === 'axes' ? { stage, phase: phase + 1 } : { stage: stage + 1, phase: 0 }

/** All that must be computed over elements for these values, in order. What a reduction gave is only read. */
function programFor(targets: readonly Expr[]): Expr[] {
  const program = new Set<Expr>()
  const visit = (x: Expr) => {
    if (isScalar(x) || program.has(x)) return
    if (x.node.op !== 'reduce') x.args.forEach(visit)
    program.add(x)
  }
  targets.forEach(visit)
  return [...program]
}
