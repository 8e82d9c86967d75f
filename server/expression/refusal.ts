/** Why a chain cannot be for the tensors that it is recorded for: what a client can put right. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}
