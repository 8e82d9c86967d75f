import { type Batch, PIXELS } from '../mnist/data.ts'
import { classify } from '../mnist/model.ts'
import { make } from './elements.ts'

const SIDE = Math.sqrt(PIXELS)

/** Digits, each with what the network takes it for. */
export class Gallery {
  readonly #batch: Batch
  readonly #figures: readonly HTMLElement[]

  constructor(host: HTMLElement, batch: Batch) {
    this.#batch = batch
    this.#figures = Array.from({ length: batch.count }, (_, i) =>
      make('figure', {}, draw(batch.x.subarray(i * PIXELS, (i + 1) * PIXELS)), make('figcaption', {}, '?')),
    )
    host.replaceChildren(...this.#figures)
  }

  show(params: Float32Array): void {
    const named = classify(params, this.#batch)
    this.#figures.forEach((figure, i) => {
      const right = named[i] === this.#batch.labels[i]
      figure.className = right ? 'right' : 'wrong'
      figure.lastElementChild?.replaceChildren(
        right ? `${named[i]}` : `${named[i]} ≠ ${this.#batch.labels[i]}`,
      )
    })
  }
}

/** Pixels of any scale as ink on paper. */
function draw(pixels: Float32Array): HTMLCanvasElement {
  const canvas = make('canvas', { width: SIDE, height: SIDE })
  const [low, high] = [Math.min(...pixels), Math.max(...pixels)]
  const image = new ImageData(SIDE, SIDE)
  pixels.forEach((value, i) => {
    image.data[4 * i + 3] = (255 * (value - low)) / (high - low)
  })
  canvas.getContext('2d')?.putImageData(image, 0, 0)
  return canvas
}
