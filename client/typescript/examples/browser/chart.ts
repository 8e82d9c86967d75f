import { drawCurve } from '../mnist/curve.ts'

const EVERY_MS = 100

/** The loss curve of a training, drawn as it grows. */
export class Chart {
  // Its own tree: the curve brings its styles along.
  readonly #root: ShadowRoot
  #losses: number[] = []
  #steps = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(host: HTMLElement) {
    this.#root = host.attachShadow({ mode: 'open' })
    this.#root.append(document.createElement('slot'))
  }

  clear(): void {
    this.#losses = []
    this.#root.replaceChildren()
  }

  /** The loss of the next of so many steps. */
  add(loss: number, steps: number): void {
    this.#losses.push(loss)
    this.#steps = steps
    this.#timer ??= setTimeout(() => this.#draw(), EVERY_MS)
  }

  #draw(): void {
    this.#timer = undefined
    const [losses, steps] = [this.#losses, this.#steps]
    if (losses.length > 0)
      this.#root.innerHTML = drawCurve({ title: 'Training loss', subtitle: 'of each batch', losses, steps })
  }
}
