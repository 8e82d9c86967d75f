import { type Labels, labels } from '../../expression/index.ts'
import { heldByLabel } from './holding.ts'
import type { Link } from './link.ts'
import { chosen } from './masking.ts'
import { at } from './place.ts'

/** The options of `partition`, under each of its names. */
export const partitionOptions = { transforms: heldByLabel(), param_labels: labels() }

/** Why these labels cannot be, of settings that are each what they should be. */
export function unknownLabels({
  transforms,
  param_labels,
}: {
  readonly transforms: unknown
  readonly param_labels: unknown
}): string | undefined {
  const known = [...(transforms as ReadonlyMap<string, unknown>).keys()]
  const used = param_labels instanceof Map ? [...param_labels.values()] : [param_labels]
  const label = used.find((one) => !known.includes(one))
  return label === undefined
    ? undefined
    : `param_labels has the label ${JSON.stringify(label)}, and transforms has ${known.join(', ')}: expected one of these`
}

/** Each tensor goes to the transformation of its label, whose place is that label. */
export function byLabel(transforms: ReadonlyMap<string, Link>, label: Labels): Link {
  const placed = new Map([...transforms].map(([key, link]) => [key, at(key, link)]))
  return chosen((tensor) => {
    const link = placed.get(label(tensor))
    if (link === undefined) throw new Error(`No transformation for ${tensor.name}`)
    return link
  })
}
