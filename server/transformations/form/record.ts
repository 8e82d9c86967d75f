import {
  type Body,
  Expr,
  leaf,
  Refusal,
  type Tensor,
  type Trace,
  type Treatment,
} from '../../expression/index.ts'
import { Recordings } from './alike.ts'
import type { Link, StateTree } from './link.ts'
import { recorder } from './recorder.ts'
import { join, type Kept, readSlots } from './slots.ts'

export interface Asked {
  /** Keep the parameters here, as the slot `params`, and add the update to them. */
  readonly keep: boolean
  /** Measure norms and count what is not finite. */
  readonly stats: boolean
  /** In place of a step: what to evaluate with, as its update, and state that stays as it is. */
  readonly evaluation?: boolean
}

/** The slot of parameters that the server keeps. */
export const kept = 'params'

/** Record what a link does to each tensor of a session. */
export function trace(
  link: Link,
  tensors: readonly Tensor[],
  options: ReadonlyMap<string, number>,
  asked: Asked,
): Trace {
  const recordings = new Recordings()
  const bodies = tensors.map((tensor) => recordings.of(tensor, (watched) => body(link, watched, asked)))
  return { tensors, options, bodies }
}

function body(link: Link, tensor: Tensor, { keep, stats, evaluation: evaluating = false }: Asked): Body {
  const parameter = leaf(keep ? { op: 'slot', slot: kept } : { op: 'parameter' }, 'element', tensor.rank)
  const { context, notes, evaluation } = recorder(tensor, parameter)
  const g = leaf({ op: 'gradient' }, 'element', tensor.rank)
  const { state, own, made } = readSlots(link.slots(tensor), tensor)
  const slots = new Map([own, ...made.values()].flatMap((of) => [...of.slots]))
  const [u, after] = link.update(g, state, context)
  const next = flat(after)
  for (const name of slots.keys())
    if (!next.has(name)) throw new Error(`A transformation keeps ${name} and does not say what it becomes`)
  if (keep) {
    own.slots.set(kept, { extent: 'element', init: 'parameters', type: 'native' })
    next.set(kept, parameter.add(u))
  }
  if (stats && !evaluating) {
    const { tree, expose } = context.at('')
    expose('grad_norm', tree.norm(g))
    expose('update_norm', tree.norm(u))
    expose('nonfinite', tree.sum(g.finite().neg().add(1)))
    if (keep) expose('param_norm', tree.norm(parameter.add(u)))
  }
  const stays = () => new Map([...flat(state)].filter(([name]) => slots.get(name)?.extent !== 'element'))
  const values = evaluating ? stays() : next
  const treatment = ({ tensor: { at = '' }, slots }: Kept): Treatment => {
    const { gives, exposed } = notes(at)
    const next = new Map([...values].filter(([name]) => slots.has(name)))
    return { next, gives, slots, exposed: evaluating ? new Map() : exposed }
  }
  const body = {
    update: evaluating ? evaluation() : u,
    ...treatment(own),
    made: new Map([...made].map(([at, of]) => [at, { shape: of.tensor.shape, body: treatment(of) }])),
  }
  refuseAbsent(body)
  return body
}

/** @throws Refusal where something reads parameters that are not there */
function refuseAbsent({ update, made, ...own }: Body): void {
  const seen = new Set<Expr>()
  const visit = (x: Expr) => {
    if (seen.has(x)) return
    seen.add(x)
    if (x.node.op === 'parameter' && x.node.absent !== undefined) throw new Refusal(x.node.absent)
    x.args.forEach(visit)
  }
  visit(update)
  for (const { next, exposed, gives } of [own, ...[...made.values()].map(({ body }) => body)]) {
    for (const x of [...next.values(), ...exposed.values()]) visit(x)
    for (const { value } of gives.values()) visit(value)
  }
}

/** A tree of state as one table: `{ '2': { scale_by_adam: { mu } } }` → `2.scale_by_adam.mu`. */
function flat(tree: StateTree, path = ''): Map<string, Expr> {
  return new Map(
    Object.entries(tree).flatMap(([name, x]) =>
      x instanceof Expr ? [[join(path, name), x] as const] : [...flat(x, join(path, name))],
    ),
  )
}
