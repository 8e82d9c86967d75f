import type { SessionInfo } from '../../index.ts'
import { batchOf, type Digits, range } from '../mnist/data.ts'
import { accuracy } from '../mnist/model.ts'
import type { Status } from '../mnist/progress.ts'
import { Chart } from './chart.ts'
import { find, make } from './elements.ts'
import type { Failure } from './failure.ts'
import { Gallery } from './gallery.ts'
import type { Outcome } from './run.ts'

/** Every so many steps the network is tried, on so many of the test digits. */
const trial = { every: 25, digits: 1000 } as const

/** What the page shows of a training. */
export class View {
  readonly #tests: Digits
  readonly #chart = new Chart(find('#curve', HTMLElement))
  readonly #gallery: Gallery
  #begin = 0
  /** URL of the parameters of the last training. */
  #saved = ''

  constructor(tests: Digits) {
    this.#tests = tests
    this.#gallery = new Gallery(find('#digits', HTMLElement), batchOf(tests, range(0, 40)))
  }

  say(text: string): void {
    find('#state', HTMLElement).textContent = text
  }

  begin(): void {
    find('#failure', HTMLElement).hidden = true
    find('#outcome', HTMLElement).hidden = true
    this.#begin = performance.now()
    this.say('Opening a session …')
  }

  opened({ id, chain }: SessionInfo): void {
    this.#chart.clear()
    this.say(`Session ${id}: ${chain}`)
  }

  stepped({ step, steps, loss, smoothed }: Status, params: Float32Array): void {
    this.#chart.add(loss, steps)
    number('step', `${step}`, ` of ${steps}`)
    number('loss', smoothed.toFixed(4))
    number('pace', ((1000 * step) / (performance.now() - this.#begin)).toFixed(1))
    find('#progress', HTMLProgressElement).value = step / steps
    if (step % trial.every === 0) this.#try(params, trial.digits)
  }

  done({ session, params, same, seconds }: Outcome): void {
    this.#try(params, this.#tests.count)
    const ms = (part: number): string => `${((1000 * part) / session.step).toFixed(1)} ms`
    this.say(`Done. A step took ${ms(seconds.gradients)} here and ${ms(seconds.service)} at the server.`)
    const outcome = find('#outcome', HTMLElement)
    const compared = same ? 'are those of this page, bit for bit.' : 'differ from those of this page.'
    URL.revokeObjectURL(this.#saved)
    this.#saved = URL.createObjectURL(new Blob([params.slice()]))
    outcome.replaceChildren(
      `The server is at step ${session.step}, and the parameters that it keeps ${compared} `,
      make('a', { href: this.#saved, download: 'params.f32' }, 'Save them'),
    )
    outcome.hidden = false
  }

  stopped(): void {
    this.say('Stopped. The session stays at the server for an hour.')
  }

  fail({ what, detail, place, hint }: Failure): void {
    const card = find('#failure', HTMLElement)
    const advice = make('p', { className: 'hint' }, hint)
    card.replaceChildren(make('h2', {}, what), make('p', {}, detail), make('pre', {}, place), advice)
    card.hidden = false
    this.say('Not training.')
  }

  #try(params: Float32Array, count: number): void {
    const { images, labels } = this.#tests
    const share = accuracy(params, { count, images, labels })
    number('accuracy', `${(100 * share).toFixed(1)} %`, ` of ${count}`)
    this.#gallery.show(params)
  }
}

function number(id: string, text: string, more = ''): void {
  find(`#${id}`, HTMLElement).replaceChildren(text, make('small', {}, more))
}
