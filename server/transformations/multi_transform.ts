import { define } from './form/define.ts'
import { byLabel, partitionOptions, unknownLabels } from './form/labelled.ts'

/** The older name of `partition`. */
export const multiTransform = define(
  'transformation',
  {
    name: 'multi_transform',
    formula: 'u = transforms[param_labels(tensor)](g)',
    reference: 'optax.multi_transform',
    options: partitionOptions,
    refuse: unknownLabels,
  },
  ({ transforms, param_labels }) => byLabel(transforms, param_labels),
)
