/** The page: a form that starts and stops a training, and what is shown of it. */
import * as tf from '@tensorflow/tfjs'
import type { Digits } from '../mnist/data.ts'
import { fetchDigits } from './digits.ts'
import { find, inputOf } from './elements.ts'
import { failureOf } from './failure.ts'
import { run, type Settings } from './run.ts'
import { View } from './view.ts'

const form = find('#settings', HTMLFormElement)
const start = find('#start', HTMLButtonElement)
const stop = find('#stop', HTMLButtonElement)

const readSettings = (): Settings => ({
  server: inputOf(form, 'server').value,
  key: inputOf(form, 'key').value,
  chain: inputOf(form, 'chain').value,
  digits: inputOf(form, 'digits').valueAsNumber,
  batch: inputOf(form, 'batch').valueAsNumber,
  epochs: inputOf(form, 'epochs').valueAsNumber,
})

async function train(view: View, digits: Digits): Promise<void> {
  const settings = readSettings()
  const stopping = new AbortController()
  stop.onclick = () => stopping.abort()
  start.disabled = true
  stop.disabled = false
  view.begin()
  try {
    view.done(await run({ settings, digits, view, signal: stopping.signal }))
  } catch (error) {
    if (stopping.signal.aborted) view.stopped()
    else view.fail(failureOf(error, settings.chain))
  } finally {
    start.disabled = false
    stop.disabled = true
  }
}

async function open(): Promise<void> {
  // Of a network so small, a graphics card would spend its time on sending gradients back.
  await tf.setBackend('cpu')
  const given = new URLSearchParams(location.search).get('server')
  if (given !== null) inputOf(form, 'server').value = given
  const [digits, tests] = await Promise.all([fetchDigits('train'), fetchDigits('t10k')])
  const view = new View(tests)
  view.say('Ready: press Start.')
  start.disabled = false
  form.onsubmit = (event) => {
    event.preventDefault()
    void train(view, digits)
  }
}

open().catch((error: unknown) => {
  find('#state', HTMLElement).textContent = `The page cannot be used: ${error}`
})
