/** A name of Optax that a service cannot have: why, and what a client does in its place. */
export interface Unavailable {
  readonly name: string
  readonly reason: string
  readonly instead: string
}

const each = (names: readonly string[], reason: string, instead: string): Unavailable[] =>
  names.map((name) => ({ name, reason, instead }))

const table: readonly Unavailable[] = [
  ...each(
    ['inject_hyperparams', 'inject_stateful_hyperparams'],
    'it makes numbers of a chain changeable, and here all of them are',
    'write the optimizer itself, adam(1e-3), and send hyperparams with a step',
  ),
  ...each(
    ['scale_by_backtracking_linesearch', 'scale_by_zoom_linesearch'],
    'it evaluates the loss at points of its own choice within a step, and only the client can',
    'search along the updates in the client, and send learning_rate in hyperparams',
  ),
  ...each(
    ['sophia', 'scale_by_sophia', 'hutchinson_estimator_diag_hessian'],
    'it differentiates the loss a second time within a step, and only the client can',
    'use an optimizer that estimates curvature from gradients alone, such as adam or adabelief',
  ),
  ...each(
    ['stateless', 'stateless_with_tree_map'],
    'it applies a function of the program, and a chain is data',
    'apply the function in the client, to the gradients before or to the updates after',
  ),
  ...each(
    ['snapshot', 'monitor', 'measure_with_ema'],
    'it measures with a function of the program, and a chain is data',
    'ask for stats with a step (want={"stats": True}), or measure the updates in the client',
  ),
  ...each(
    ['differentially_private_aggregate', 'dpsgd'],
    'it takes the gradient of each example, which would be sent one by one',
    'clip each gradient in the client, send the mean, and add the noise there',
  ),
  ...each(
    ['projection_vector', 'projection_hyperplane', 'projection_halfspace'],
    'it takes a vector as large as all parameters, and a chain is text',
    'keep the parameters in the client, and project them there after each step',
  ),
  ...each(
    ['split_real_and_imaginary'],
    'tensors are of real numbers',
    'send the real and the imaginary parts as two tensors',
  ),
  ...each(
    ['with_extra_args_support'],
    'it lets a transformation take arguments that it does not use, and here each does',
    'write the transformation itself',
  ),
]

/** Names of Optax that an expression cannot call. */
export const unavailable: ReadonlyMap<string, Unavailable> = new Map(
  table.map((entry) => [entry.name, entry]),
)

/** What to tell whoever calls one. */
export const whyNot = ({ name, reason, instead }: Unavailable, where: string): string =>
  `${name}, ${where}, is not for a service: ${reason}. Instead, ${instead}`
