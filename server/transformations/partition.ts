import { define } from './form/define.ts'
import { byLabel, partitionOptions, unknownLabels } from './form/labelled.ts'

/**
 * Give each tensor to the transformation of its label: the first pattern that matches its name or rank says which. A
 * tensor that no pattern matches is refused; a transformation without tensors keeps nothing.
 */
export const partition = define(
  'transformation',
  {
    name: 'partition',
    formula: 'u = transforms[param_labels(tensor)](g)',
    reference: 'optax.partition',
    options: partitionOptions,
    refuse: unknownLabels,
  },
  ({ transforms, param_labels }) => byLabel(transforms, param_labels),
)
