import type { Expr, Tensor } from '../expression/index.ts'
import type { Phase, Plan, Scalar, Stored } from './plan.ts'
import type { RowTreatment } from './sparse.ts'

/**
 * A plan as text: what runs in a step, and in what order. A value is named once, by the line that computes it; `s` are
 * scalars, `t` scalars of each tensor, `v` vectors of each tensor, `r` of each row, `x` of each element.
 */
export function printPlan(plan: Plan): string {
  const names = new Names(plan.vectors)
  const lines: string[] = []
  plan.groups.forEach(({ tensors }, i) => {
    lines.push(`group ${i}: ${tensors.map((t) => nameOf(plan.tensors[t])).join(', ')}`)
  })
  plan.stages.forEach(({ scalars, routines, passes }, i) => {
    lines.push(`stage ${i}`)
    for (const scalar of scalars) lines.push(...printScalar(scalar, names))
    for (const { group, routine, args, to } of routines) {
      const named = (arg: Expr | Stored) => {
        if (!('slot' in arg)) return names.of(arg)
        return arg.group === group ? arg.slot : `${arg.slot} of group ${arg.group}`
      }
      const given = args.map(named).join(', ')
      lines.push(`  ${to} ← ${routine.name}(${given})    of each tensor of group ${group}`)
    }
    for (const { group, phases } of passes) {
      lines.push(
        `  pass over group ${group}${phases.length > 1 ? `, row by row in ${phases.length} phases` : ''}`,
      )
      phases.forEach((phase, k) => {
        if (phases.length > 1) lines.push(`    phase ${k}`)
        lines.push(...printPhase(phase, names).map((line) => `    ${phases.length > 1 ? '  ' : ''}${line}`))
      })
    }
  })
  const commits = new Map(plan.commits.map(({ piece, value }) => [plan.state[piece]?.slot, value]))
  if (commits.size > 0) lines.push('commit')
  for (const [slot, value] of commits) lines.push(`  ${slot} = ${names.of(value)}`)
  return `${lines.join('\n')}\n`
}

/** Tensors that are made of others go by their names, and by where they are made. */
const nameOf = (tensor: Tensor | undefined) =>
  tensor?.at === undefined ? tensor?.name : `${tensor.at} of ${tensor.name}`

/** What becomes of gradients of some rows only, as text: a line a group. */
export const printRows = ({ groups }: Plan): string =>
  groups.map(({ rows }, i) => `rows of group ${i}: ${rows.kind}${reasonOf(rows)}\n`).join('')

function reasonOf(rows: RowTreatment): string {
  if (rows.kind === 'exact') return ''
  return ` (${rows.kind === 'lazy' ? rows.changes.join(', ') : rows.reason})`
}

/** Leaves are named where they are used; what needs computing gets a line. */
function printScalar({ value, group, parts }: Scalar, names: Names): string[] {
  if (value.node.op === 'ordinal')
    return [`  ${names.of(value)} = number of the tensor    of each tensor of group ${group}`]
  if (value.node.op === 'collect') {
    const given = [...new Set((parts ?? []).map((part) => names.of(part.value)))].join(', ')
    return [`  ${names.of(value)} = ${value.node.combine} over all tensors of ${given}`]
  }
  if (value.args.length === 0) return []
  const [of] = value.args
  const made =
    value.node.op === 'reduce' && of !== undefined
      ? `${value.node.combine} over ${over(value)} of ${names.of(of)}`
      : call(value, names)
  return [
    `  ${names.of(value)} = ${made}${group === undefined ? '' : `    of each tensor of group ${group}`}`,
  ]
}

function printPhase({ program, reductions, stores, update }: Phase, names: Names): string[] {
  const computed = program.filter((x) => x.args.length > 0 && x.node.op !== 'reduce' && !names.vectors.has(x))
  return [
    ...computed.map((x) => `${names.of(x)} = ${call(x, names)}`),
    ...reductions.map(
      ({ value, of, combine }) => `${names.of(value)} = ${combine} over ${over(value)} of ${names.of(of)}`,
    ),
    ...stores.map(({ slot, value }) => `${slot} ← ${names.of(value)}`),
    ...(update === undefined ? [] : [`update ← ${names.of(update)}`]),
  ]
}

const over = ({ node }: Expr) => {
  if (node.op !== 'reduce') return ''
  if (node.axes === 'tensor') return 'the tensor'
  return node.axes === 'rows' ? 'the row' : `axes ${node.axes}`
}

const call = ({ node, args }: Expr, names: Names) =>
  `${node.op}${node.op === 'threefry' ? `_${node.word}` : ''}(${args.map((arg) => names.of(arg)).join(', ')})`

const letters = { host: 's', tree: 's', tensor: 't', axes: 'r', element: 'x' } as const

class Names {
  readonly #known = new Map<Expr, string>()
  readonly #counts = new Map<string, number>()
  readonly vectors: ReadonlySet<Expr>

  constructor(vectors: ReadonlySet<Expr>) {
    this.vectors = vectors
  }

  of(x: Expr): string {
    const known =
      this.#known.get(x) ?? this.#leaf(x) ?? this.#fresh(this.vectors.has(x) ? 'v' : letters[x.extent])
    this.#known.set(x, known)
    return known
  }

  #leaf({ node }: Expr): string | undefined {
    switch (node.op) {
      case 'constant':
        return String(node.value)
      case 'option':
        return node.path
      case 'slot':
        return node.slot
      case 'gradient':
      case 'parameter':
      case 'loss':
        return node.op
      case 'count':
        return `size(${typeof node.axes === 'string' ? node.axes : `axes ${node.axes}`})`
      default:
        return undefined
    }
  }

  #fresh(letter: string): string {
    const n = this.#counts.get(letter) ?? 0
    this.#counts.set(letter, n + 1)
    return `${letter}${n}`
  }
}
