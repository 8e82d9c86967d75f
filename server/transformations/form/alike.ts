import type { Body, Tensor } from '../../expression/index.ts'

type Question = (name: string) => unknown

/** What was asked next of tensors that gave the same answers so far; at the end, what was recorded. */
interface Branch {
  question?: Question
  body?: Body
  readonly next: Map<unknown, Branch>
}

/**
 * Tensors of one shape are treated alike as long as all that is asked of their names has the same answers: one
 * recording does for all of these. One that was made with a look at the name itself is for that tensor alone.
 */
export class Recordings {
  readonly #roots = new Map<string, Branch>()

  of(tensor: Tensor, record: (tensor: Tensor) => Body): Body {
    const root = child(this.#roots, tensor.shape.join())
    let end = root
    while (end.question !== undefined) end = child(end.next, end.question(tensor.name))
    if (end.body !== undefined) return end.body
    const watched = new Watched(tensor)
    const body = record(watched)
    if (watched.named) return body
    end = root
    for (const [question, answer] of watched.asked) {
      end.question ??= question
      end = child(end.next, answer)
    }
    end.body = body
    return body
  }
}

function child<K>(branches: Map<K, Branch>, key: K): Branch {
  const known = branches.get(key) ?? { next: new Map() }
  branches.set(key, known)
  return known
}

/** A tensor that notes what is asked of its name. */
class Watched implements Tensor {
  readonly shape: readonly number[]
  readonly rank: number
  readonly asked: (readonly [Question, unknown])[] = []
  readonly #name: string
  named = false

  constructor({ name, shape, rank }: Tensor) {
    this.#name = name
    this.shape = shape
    this.rank = rank
  }

  get name(): string {
    this.named = true
    return this.#name
  }

  ask<T>(question: (name: string) => T): T {
    const answer = question(this.#name)
    this.asked.push([question, answer])
    return answer
  }
}
