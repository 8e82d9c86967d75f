/** A computation over a whole tensor that is neither elementwise nor a reduction. All its results are arrays. */
export type Routine =
  /** Numbers of the normal distribution: of a key's two words, those that JAX draws from that key. */
  { readonly name: 'normal' } | NewtonSchulz | SingularVectors | Product

/** Axes of a tensor that are a matrix's rows, and those that are its columns. */
export interface Matrix {
  readonly rows: readonly number[]
  readonly columns: readonly number[]
}

/**
 * Of a matrix with no more columns than rows the left singular vectors of its largest singular values, in order, as
 * columns: as many as the result has. Of each the first of those farthest from 0 is positive. Of the array, and of
 * whether they are due: where that is 0 so is the result, and nobody reads it.
 */
export interface SingularVectors extends Matrix {
  readonly name: 'singular_vectors'
}

/** The product of two matrices, each of them all of its tensor. */
export interface Product {
  readonly name: 'product'
  readonly left: Matrix
  readonly right: Matrix
  readonly result: Matrix
}

/**
 * A matrix, or several, made nearly orthogonal: of the array, of `eps` and of the coefficients a, b, c of X ← a·X +
 * (b·A + c·A²)·X with A = X·Xᵀ, three for each step or three for all. Along axes that are neither rows nor columns there
 * are several.
 */
export interface NewtonSchulz extends Matrix {
  readonly name: 'newton_schulz'
  readonly steps: number
  readonly preconditioning: Preconditioning
}

export const preconditionings = ['frobenius', 'spectral', 'aol', 'schatten'] as const
export type Preconditioning = (typeof preconditionings)[number]
