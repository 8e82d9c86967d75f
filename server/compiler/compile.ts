import { type Expr, isArray, type Trace } from '../expression/index.ts'
import { lengthOf } from './axes.ts'
import { type Alike, type Grouped, groupTensors } from './group.ts'
import type { Interner } from './intern.ts'
import type {
  Commit,
  Pass,
  Phase,
  Plan,
  Reduction,
  RoutineCall,
  Scalar,
  Stage,
  StatePiece,
  Stored,
} from './plan.ts'
import { placeKey, sizeOf } from './plan.ts'
import { type RowTreatment, rowTreatment } from './sparse.ts'
import { vectorsOf } from './vectors.ts'

const isScalar = (x: Expr) => x.extent === 'host' || x.extent === 'tree' || x.extent === 'tensor'

/** Make a plan of a recorded chain. */
export function compile(trace: Trace): Plan {
  const grouped = groupTensors(trace)
  const { groups } = grouped
  const state = layOut(grouped)
  const vectors = vectorsOf(
    groups.map(({ body }) => body),
    grouped.routines,
  )
  const schedule = new Scheduler(grouped, vectors)
  const commits = commitsOf(grouped, state)
  const exposed = new Map(groups.flatMap(({ body }) => [...body.exposed]))
  for (const [index, { body }] of groups.entries()) {
    if (body.update !== undefined) schedule.need(body.update, index)
    for (const value of [...body.next.values(), ...body.exposed.values()]) schedule.need(value, index)
  }
  const leaves = new Set([...schedule.leaves].map(({ node }) => node.op))
  return {
    tensors: grouped.tensors,
    declared: trace.tensors.length,
    groups: groups.map(({ tensors }) => ({ tensors, rows: treatmentOf(trace, grouped, tensors) })),
    stages: schedule.stages(),
    commits,
    options: trace.options,
    state,
    places: new Map(state.map(({ slot, tensor }, i) => [placeKey(slot, tensor), i])),
    hosted: state.reduce((end, { host, size }) => (host === undefined ? end : host + size), 0),
    registers: schedule.registers(grouped.tensors.length),
    temporaries: schedule.temporaries(),
    vectors,
    exposed,
    needs: { parameters: leaves.has('parameter'), loss: leaves.has('loss') },
  }
}

/** As it was recorded: in a group's body routines have become slots. */
function treatmentOf(
  { bodies, options }: Trace,
  { origins }: Grouped,
  [first = -1]: readonly number[],
): RowTreatment {
  const body = bodies[origins[first] ?? -1]
  if (body === undefined) throw new Error('A group has a tensor at least')
  return rowTreatment(body, options)
}

/** State in a fixed order: slots as the first tensor that has them names them, tensors in declared order. */
function layOut({ tensors, bodies }: Grouped): StatePiece[] {
  const slots = new Map([...new Set(bodies)].flatMap((body) => [...body.slots]))
  let end = 0
  return [...slots].flatMap(([slot, definition]): StatePiece[] => {
    if (definition.extent === 'session') return [{ slot, definition, size: 1, host: end++ }]
    return tensors.flatMap((tensor, i): StatePiece[] => {
      const own = bodies[i]?.slots.get(slot)
      if (own === undefined) return []
      const piece = { slot, definition: own, tensor: i }
      if (own.extent === 'element') return [{ ...piece, size: sizeOf(tensor) }]
      const size = own.extent === 'axes' ? lengthOf({ extent: 'axes', kept: own.kept ?? [] }, tensor) : 1
      end += size
      return [{ ...piece, size, host: end - size }]
    })
  })
}

function commitsOf({ tensors, groups }: Grouped, state: readonly StatePiece[]): Commit[] {
  return state.flatMap(({ slot, definition, tensor }, piece): Commit[] => {
    if (definition.extent === 'element') return []
    const kept = definition.kept ?? []
    const holders = groups.filter(({ tensors }) => tensor === undefined || tensors.includes(tensor))
    const values = new Set(holders.flatMap(({ body }) => body.next.get(slot) ?? []))
    const [value] = values
    if (value === undefined || values.size > 1)
      throw new Error(
        `The session slot ${slot} becomes ${values.size} different values on ${tensors.length} tensors`,
      )
    if (value.extent === 'element' || value.kept.some((axis) => !kept.includes(axis)))
      throw new Error(
        `The slot ${slot} keeps the axes [${kept}] and becomes a value of extent ${value.extent}`,
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
  readonly #origins: readonly number[]
  /** Groups by family, and by where their tensors are made. */
  readonly #members: ReadonlyMap<string, number>
  readonly #vectors: ReadonlySet<Expr>
  readonly #routines: Interner['routines']
  /** By group, what routines make, and what passes store for them, by slot. */
  readonly #calls: Set<Expr>[]
  readonly #stored: Map<Expr, string>[]
  readonly #points = new Map<Expr, Point>()
  readonly #scalars = new Map<string, { readonly scalar: Scalar; readonly stage: number }>()
  readonly #reductions: Map<Expr, Reduction>[]
  readonly #registers = new Set<Expr>()
  readonly #visited: Set<Expr>[]
  readonly #names = new Map<Expr, number>()
  readonly leaves = new Set<Expr>()

  constructor({ groups, origins, routines }: Grouped, vectors: ReadonlySet<Expr>) {
    this.#routines = routines
    this.#groups = groups
    this.#origins = origins
    this.#members = new Map(groups.map(({ family, at }, group) => [`${family} ${at}`, group]))
    this.#vectors = vectors
    this.#reductions = groups.map(() => new Map())
    this.#visited = groups.map(() => new Set())
    this.#calls = groups.map(() => new Set())
    this.#stored = groups.map(() => new Map())
  }

  /** Whether a value is computed by the host: it is a scalar or a vector. */
  #isHosted(x: Expr): boolean {
    return isScalar(x) || this.#vectors.has(x)
  }

  /** When a value can be computed first: over elements in that phase, by the host before the passes of that stage. */
  #point(x: Expr): Point {
    const known = this.#points.get(x)
    if (known !== undefined) return known
    const { args = [] } = this.#routines.get(x) ?? {}
    const before = [...x.args, ...args, ...this.#parts(x).map(({ value }) => value)]
    const latest = before.map((arg) => this.#point(arg)).reduce(later, start)
    const swept = args.some(isArray) || (this.#isSwept(x) && this.#isHosted(x))
    const point = swept
      ? { stage: latest.stage + 1, phase: 0 }
      : this.#isSwept(x)
        ? { ...latest, phase: latest.phase + 1 }
        : latest
    this.#points.set(x, point)
    return point
  }

  /** Whether a pass makes the value by reducing: what vectors are reduced to, the host computes. */
  #isSwept({ node, args: [of] }: Expr): boolean {
    return node.op === 'reduce' && of !== undefined && !this.#vectors.has(of)
  }

  #parts({
    node,
  }: Expr): readonly { readonly tensor: number; readonly group: number; readonly value: Expr }[] {
    if (node.op !== 'collect' && node.op !== 'ordinal') return []
    const parts = this.#groups.flatMap(({ tensors, body }, group) => {
      const given = body.gives.get(node.place)
      return given === undefined ? [] : tensors.map((tensor) => ({ tensor, group, value: given.value }))
    })
    const order = ({ tensor }: { readonly tensor: number }) => this.#origins[tensor] ?? -1
    return parts.sort((a, b) => order(a) - order(b) || a.tensor - b.tensor)
  }

  /** The group whose tensors an array is of, where a routine on tensors of this group takes it. */
  #groupOf(x: Expr, group: number): number {
    return isArray(x) ? (this.#members.get(`${this.#groups[group]?.family} ${x.at}`) ?? -1) : group
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
    this.#needRoutine(x, group)
    if (isScalar(x)) this.#registers.add(x)
    const [of] = x.args
    if (x.node.op === 'reduce' && of !== undefined && this.#isSwept(x)) {
      this.#reductions[group]?.set(x, { value: x, combine: x.node.combine, of })
    } else if (this.#isHosted(x)) {
      const own = x.extent === 'tensor' || x.extent === 'axes'
      const key = `${this.#name(x)} ${own ? group : ''}`
      if (this.#scalars.has(key)) return
      const scalar: Scalar = {
        value: x,
        ...(own ? { group } : {}),
        ...(parts.length > 0 ? { parts } : {}),
      }
      this.#scalars.set(key, { scalar, stage: this.#point(x).stage })
    }
  }

  #needRoutine(x: Expr, group: number): void {
    const { args } = this.#routines.get(x) ?? {}
    if (args === undefined) return
    this.#calls[group]?.add(x)
    for (const arg of args) {
      const own = this.#groupOf(arg, group)
      this.need(arg, own)
      if (isArray(arg) && !this.#routines.has(arg)) this.#store(arg, own)
    }
  }

  /** Let a pass store an array for a routine. */
  #store(x: Expr, group: number): void {
    const stored = this.#stored[group]
    if (stored !== undefined && !stored.has(x)) stored.set(x, `argument ${stored.size}`)
  }

  /** The slot in which a routine finds an array, or leaves one. */
  #slotOf(x: Expr, group: number): string | undefined {
    return this.#routines.has(x) && x.node.op === 'slot' ? x.node.slot : this.#stored[group]?.get(x)
  }

  /** What a routine on tensors of this group takes. */
  #argument(x: Expr, of: number): Expr | Stored {
    const group = this.#groupOf(x, of)
    const slot = this.#slotOf(x, group)
    return slot === undefined ? x : { group, slot }
  }

  /** What is there for one step, by group. */
  temporaries(): string[][] {
    return this.#groups.map((_, group) => [
      ...(this.#stored[group]?.values() ?? []),
      ...[...(this.#calls[group] ?? [])].flatMap((x) => this.#slotOf(x, group) ?? []),
    ])
  }

  #callsAt(stage: number): RoutineCall[] {
    return this.#calls.flatMap((made, group) =>
      [...made]
        .filter((x) => this.#point(x).stage === stage)
        .flatMap((x): RoutineCall[] => {
          const [call, to] = [this.#routines.get(x), this.#slotOf(x, group)]
          if (call === undefined || to === undefined) return []
          const args = call.args.map((arg) => this.#argument(arg, group))
          return [{ group, routine: call.routine, args, to }]
        }),
    )
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
      routines: this.#callsAt(stage),
      passes: passes.filter((p) => p.stage === stage).map(({ pass }) => pass),
    }))
  }

  #passesOf({ body }: Alike, group: number): { readonly pass: Pass; readonly stage: number }[] {
    const reductions = [...(this.#reductions[group]?.values() ?? [])]
    const stores = [...body.next]
      .filter(([slot]) => body.slots.get(slot)?.extent === 'element')
      .map(([slot, value]) => ({ slot, value }))
    const stored = [...(this.#stored[group] ?? [])].map(([value, slot]) => ({ slot, value }))
    const between = [...reductions.map(({ of }) => of), ...stored.map(({ value }) => value)]
    const ends = [...between, ...stores.map(({ value }) => value)]
    if (body.update !== undefined) ends.push(body.update)
    if (ends.length === 0) return []
    const last = ends.map((value) => this.#point(value)).reduce(later, start)
    const phaseAt = (point: Point): Phase => {
      const here = reductions.filter(({ of }) => same(this.#point(of), point))
      const read = stored.filter(({ value }) => same(this.#point(value), point))
      const ends = same(point, last)
      const written = ends ? [...read, ...stores] : read
      const targets = [...here.map(({ of }) => of), ...written.map(({ value }) => value)]
      const swept = { reductions: here, stores: written }
      if (!ends || body.update === undefined) return { program: this.#programFor(targets), ...swept }
      return { program: this.#programFor([...targets, body.update]), ...swept, update: body.update }
    }
    return Array.from({ length: last.stage + 1 }, (_, stage) => {
      const points = [last, ...between.map((value) => this.#point(value))].filter(
        (point) => point.stage === stage,
      )
      const count = Math.max(-1, ...points.map(({ phase }) => phase)) + 1
      const phases = Array.from({ length: count }, (_, phase) => phaseAt({ stage, phase }))
      return { stage, pass: { group, phases } }
    }).filter(({ pass }) => pass.phases.length > 0)
  }

  /** All that must be computed over elements for these values, in order. Vectors, and what a reduction gave, are read. */
  #programFor(targets: readonly Expr[]): Expr[] {
    const program = new Set<Expr>()
    const visit = (x: Expr) => {
      if (isScalar(x) || program.has(x)) return
      if (x.node.op !== 'reduce' && !this.#vectors.has(x)) x.args.forEach(visit)
      program.add(x)
    }
    targets.forEach(visit)
    return [...program]
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
