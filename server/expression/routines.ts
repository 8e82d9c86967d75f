/** A computation over a whole tensor that is neither elementwise nor a reduction. All its results are arrays. */
export type Routine =
  /** Numbers of the normal distribution: of a key's two words, those that JAX draws from that key. */
  { readonly name: 'normal' } | NewtonSchulz

/**
 * A matrix, or several, made nearly orthogonal: of the array, of `eps` and of the coefficients a, b, c of X ← a·X +
 * (b·A + c·A²)·X with A = X·Xᵀ, three for each step or three for all.
 */
export interface NewtonSchulz {
  readonly name: 'newton_schulz'
  /** Axes that are a matrix's rows, and those that are its columns; along others there are several matrices. */
  readonly rows: readonly number[]
  readonly columns: readonly number[]
  readonly steps: number
  readonly preconditioning: Preconditioning
}

export const preconditionings = ['frobenius', 'spectral', 'aol', 'schatten'] as const
export type Preconditioning = (typeof preconditionings)[number]
