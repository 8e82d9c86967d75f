import { type Expr, leaf, type Slot, type Tensor } from '../../expression/index.ts'
import type { Apart, SlotTree, StateTree } from './link.ts'
import { isApart, isSlot } from './states.ts'

/** A tensor and its slots, by their paths. */
export interface Kept {
  readonly tensor: Tensor
  readonly slots: Map<string, Slot>
}

/** State as a tree of slots has it. */
export interface Read {
  /** The same tree of expressions that read the slots. */
  readonly state: StateTree
  readonly own: Kept
  /** Of tensors that are made of the one that it is of, by where. */
  readonly made: ReadonlyMap<string, Kept>
}

export function readSlots(tree: SlotTree, tensor: Tensor): Read {
  const own = { tensor, slots: new Map<string, Slot>() }
  const made = new Map<string, Kept>()
  const read = (x: Slot | SlotTree | Apart, path: string, of: Kept): Expr | StateTree => {
    if (isSlot(x)) {
      const slot = settled(x, of.tensor.rank)
      of.slots.set(path, slot)
      return reading(path, slot, of.tensor)
    }
    if (!isApart(x)) return branches(x, path, of)
    const apart = { tensor: madeOf(of.tensor, x.shape, path), slots: new Map<string, Slot>() }
    made.set(path, apart)
    return read(x.slots, path, apart)
  }
  const branches = (tree: SlotTree, path: string, of: Kept): StateTree =>
    Object.fromEntries(Object.entries(tree).map(([name, x]) => [name, read(x, join(path, name), of)]))
  return { state: branches(tree, '', own), own, made }
}

function reading(slot: string, { extent, kept }: Slot, { rank, at }: Tensor): Expr {
  // One number for the session is of no rank: within flatten it meets the vector, whose rank is not the tensor's.
  if (extent === 'session') return leaf({ op: 'slot', slot }, 'host')
  return leaf({ op: 'slot', slot }, extent, rank, kept, at)
}

/** A slot that keeps all axes of the tensor is one of elements, and one that keeps none is one of the tensor. */
function settled(slot: Slot, rank: number): Slot {
  if (slot.extent !== 'axes') return slot
  const { kept = [], ...rest } = slot
  if (kept.length === rank) return { ...rest, extent: 'element' }
  return kept.length === 0 ? { ...rest, extent: 'tensor' } : slot
}

/** A tensor of another shape that is made of this one, and goes by its name. */
export const madeOf = (tensor: Tensor, shape: readonly number[], at?: string): Tensor => ({
  shape,
  rank: shape.length,
  ...(at === undefined ? {} : { at }),
  get name() {
    return tensor.name
  },
  ask: (question) => (tensor.ask === undefined ? question(tensor.name) : tensor.ask(question)),
})

/** A name further in: `2`, `scale_by_adam` → `2.scale_by_adam`. */
export const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`)
