/**
 * Chains as typed calls with Optax's names: `chain(clip(1.0), centralize(), adam(1e-3, { b1: 0.95 }))`. What calls
 * there are is in `vocabulary.ts`. Required options stand in order, the others in an object after them; or all in one
 * object. Where none is required the first may stand alone: `add_decayed_weights(1e-4)`.
 */

declare const sort: unique symbol
type Sort = 'transformation' | 'schedule' | 'condition'

/** A call as data: the wire's tree form of an expression. */
export interface Tree<S extends Sort = Sort> {
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  /** For the type checker alone, so that a schedule is not taken for a transformation. */
  readonly [sort]?: S
}
export type Transformation = Tree<'transformation'>
export type Schedule = Tree<'schedule'>
/** A yes or no for a whole step: `every_k(4)`. */
export type Condition = Tree<'condition'>
/** An Optax line, a tree, or the name of a registered chain. */
export type Chain = string | Transformation

/** Number type of state; null is the server's own. */
export type Dtype = 'float32' | 'bfloat16' | null
/**
 * Which tensors are meant: all or none; those that a pattern matches, or one of several; or patterns with true or
 * false, of which the first that matches counts. A pattern is a glob over names, or `ndim(2)` for matrices.
 */
export type Mask = boolean | string | readonly string[] | Readonly<Record<string, boolean>>
/** One label for all tensors, or patterns with labels, of which the first that matches counts. */
export type Labels = string | Readonly<Record<string, string>>

type Axes = number | readonly number[]
type RowsAndColumns = readonly [rows: Axes, columns: Axes]
/** Which axes of a tensor are a matrix's rows and which its columns; of all tensors, or by patterns. */
export type DimensionNumbers = RowsAndColumns | Readonly<Record<string, RowsAndColumns | null>>

/** `Leading` by position, its labels for editors; `Named` the same by name, or never; `Others` by name only. */
type Builder<S extends Sort, Leading extends readonly unknown[], Named, Others> = (
  ...args: [...Leading, ...Last<Others>] | [options: Named & Others]
) => Tree<S>
type Last<Others> = [keyof Others] extends [never]
  ? []
  : Partial<Others> extends Others
    ? [options?: Others]
    : [options: Others]

const isOptions = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !('args' in value)

/**
 * @param leading the options that stand in order
 * @param mapping whether the one that leads may be an object itself: then one object is that option, and not all
 */
const define =
  <S extends Sort>() =>
  <Leading extends readonly unknown[], Named, Others>(
    name: string,
    leading: readonly string[],
    mapping = false,
  ): Builder<S, Leading, Named, Others> =>
  (...args: readonly unknown[]) => {
    const inOrder = args.length === 1 && !mapping && isOptions(args[0]) ? 0 : leading.length
    const [options = {}, ...more] = args.slice(inOrder)
    if (!isOptions(options) || more.length > 0) {
      const order = [...leading, 'an object of other options'].join(', ')
      throw new TypeError(`Cannot call ${name} with ${args.length} arguments in order: expected ${order}`)
    }
    const given = [...leading.slice(0, inOrder).map((key, i) => [key, args[i]]), ...Object.entries(options)]
    return { name, args: Object.fromEntries(given.filter(([, value]) => value !== undefined)) }
  }

export const defineTransformation = define<'transformation'>()
export const defineSchedule = define<'schedule'>()
export const defineCondition = define<'condition'>()

/** A call that takes any number of one thing, which together are the option of that name. */
export const defineSeries =
  <Item>(name: string, option: string) =>
  (...items: readonly Item[]): Transformation => ({ name, args: { [option]: items } })
