import type { Task } from './threads.ts'

/** What is to be done to a tensor in a pass, before it and at its end. */
export interface Part {
  readonly tasks: readonly Task[]
  readonly begin: () => void
  readonly end: () => void
}

/** A kernel on all tensors that it is for: the parts, and their tasks, of so many elements. */
export interface Call {
  readonly parts: readonly Part[]
  readonly tasks: readonly Task[]
  readonly work: number
}

/** What a kernel is told of a tensor: where it is, and what puts the uniforms of a step there. */
export interface Block {
  readonly at: number
  readonly fill: () => void
}
