/** Client of stepd, an optimizer as an HTTP service: gradients in, updates out, state kept. */
export type {
  Chain,
  Condition,
  DimensionNumbers,
  Dtype,
  Labels,
  Mask,
  Schedule,
  Transformation,
  Tree,
} from './chains.ts'
export {
  type ApplyRequest,
  type Catalogue,
  type ChainPage,
  type Chains,
  connect,
  type NamedChain,
  type Query,
  type SessionPage,
  type Stepd,
} from './client.ts'
export { ConnectionError, type Problem, StepdError } from './errors.ts'
export type { Session, SessionInfo, Spec, StepOptions, StepResult, WorkerOptions } from './session.ts'
export type { Happening, History } from './state.ts'
export {
  applyUpdates,
  type Gradients,
  type Rows,
  sizeOf,
  type TensorSpec,
  type Tensors,
  type WireDtype,
} from './tensors.ts'
export type { ConnectOptions, Retry } from './transport.ts'
export * from './vocabulary.ts'
