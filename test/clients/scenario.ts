/** The scenario as the TypeScript client plays it: what every other client must end with. See README.md. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import {
  applyUpdates,
  ConnectionError,
  connect,
  type Session,
  type Spec,
  type Stepd,
  StepdError,
  type StepOptions,
  sizeOf,
  type TensorSpec,
  type Tensors,
  type WireDtype,
} from '../../client/typescript/index.ts'

export const scenarioFile = join(import.meta.dirname, '..', '..', '..', 'test', 'clients', 'scenario.json')

/** One line of the scenario; what the fields mean is in README.md. */
interface Action {
  readonly do: 'open' | 'step' | 'set' | 'describe' | 'fetch' | 'compare' | 'write' | 'delete'
  readonly as: string
  readonly session?: string
  readonly chain?: string
  readonly keep?: true
  readonly times?: number
  readonly form?: 'packed' | 'named'
  readonly dtype?: WireDtype
  readonly reply?: WireDtype
  readonly of?: 'updates' | 'params'
  readonly send?: true
  readonly salt?: number
  readonly elements?: number
  readonly value?: number
  readonly hyperparams?: Readonly<Record<string, number>>
  readonly step?: number
  readonly replayed?: true
  readonly error?: string
}

interface Scenario {
  readonly tensors: readonly TensorSpec[]
  readonly actions: readonly Action[]
}

/** A session as one worker has it, and the worker's own parameters. */
interface Handle {
  readonly session: Session
  params: Float32Array
}

/** Which worker this is, where `workers` make every step together. */
export interface Worker {
  readonly worker: number
  readonly workers: number
}

/** Play a scenario against the server; the parameters written, back to back. */
export function playScenario(
  url: string,
  prefix: string,
  file = scenarioFile,
  worker?: Worker,
): Promise<Uint8Array> {
  const scenario = JSON.parse(readFileSync(file, 'utf8')) as Scenario
  return new Player(connect(url, { retry: { baseMs: 5 } }), prefix, scenario, worker).play()
}

class Player {
  readonly #stepd: Stepd
  readonly #prefix: string
  readonly #scenario: Scenario
  readonly #worker: Worker | undefined
  readonly #handles = new Map<string, Handle>()
  readonly #written: Uint8Array[] = []

  constructor(stepd: Stepd, prefix: string, scenario: Scenario, worker: Worker | undefined) {
    this.#stepd = stepd
    this.#prefix = prefix
    this.#scenario = scenario
    this.#worker = worker
  }

  async play(): Promise<Uint8Array> {
    for (const action of this.#scenario.actions) {
      const code = await this.#act(action).then(() => undefined, codeOf)
      if (code !== action.error)
        throw new Error(
          `${JSON.stringify(action)}: ${code ?? 'no refusal'}, expected ${action.error ?? 'none'}`,
        )
    }
    return Buffer.concat(this.#written)
  }

  async #act(action: Action): Promise<void> {
    if (action.do === 'open') return this.#open(action)
    const handle = this.#handles.get(action.as)
    if (handle === undefined) throw new Error(`No handle '${action.as}': expected one that was opened`)
    const { session } = handle
    switch (action.do) {
      case 'step':
        for (let i = 0; i < (action.times ?? 1); i += 1) await this.#step(handle, action)
        return
      case 'set':
        return set(session, action.hyperparams ?? {})
      case 'describe':
        return equal('step', (await session.describe()).step, action.step)
      case 'fetch':
        handle.params = this.#pack(await session.params())
        return
      case 'compare':
        return equal('kept parameters', this.#pack(await session.params()), handle.params)
      case 'write':
        this.#written.push(new Uint8Array(handle.params.slice().buffer))
        return
      case 'delete':
        return session.delete()
    }
  }

  async #open({ as, session = as, chain, keep }: Action): Promise<void> {
    const { tensors } = this.#scenario
    const params = Float32Array.from({ length: sizeOf(tensors) }, (_, i) => (((i * 29) % 255) - 127) / 64)
    const spec: Spec = chain === undefined ? {} : { chain, tensors, ...(keep === true ? { params } : {}) }
    const worker = this.#worker
    const shared = worker === undefined ? {} : { workers: worker.workers, worker: `worker-${worker.worker}` }
    const opened = await this.#stepd.open(`${this.#prefix}-${session}`, { ...spec, ...shared })
    this.#handles.set(as, { session: opened, params })
  }

  async #step(handle: Handle, action: Action): Promise<void> {
    const { dtype = 'F32', reply = dtype, of = 'updates', value, hyperparams } = action
    const salt = (action.salt ?? 0) + (this.#worker?.worker ?? 0)
    const { tensors } = this.#scenario
    const step = handle.session.currentStep + 1
    const grads = Float32Array.from(
      { length: action.elements ?? sizeOf(tensors) },
      (_, i) => (((i * 73 + step * 37 + salt * 11) % 255) - 127) / 128,
    )
    const form = (packed: Float32Array): Tensors => (action.form === 'named' ? this.#name(packed) : packed)
    const options: StepOptions<'updates' | 'params'> = {
      dtype,
      want: { dtype: reply, of },
      ...(action.send === true ? { params: form(handle.params) } : {}),
      ...(value === undefined ? {} : { value }),
      ...(hyperparams === undefined ? {} : { hyperparams }),
    }
    const result = await handle.session.step(form(grads), options)
    if (action.replayed === true) equal('replayed', result.replayed, true)
    const answer = this.#pack(result[of])
    if (of === 'params') handle.params = answer
    else applyUpdates(handle.params, answer)
  }

  #name(packed: Float32Array): Record<string, Float32Array> {
    let at = 0
    return Object.fromEntries(
      this.#scenario.tensors.map((tensor) => {
        const values = packed.subarray(at, at + sizeOf([tensor]))
        at += values.length
        return [tensor.name, values]
      }),
    )
  }

  #pack(tensors: Tensors): Float32Array {
    if (tensors instanceof Float32Array) return tensors.slice()
    return Float32Array.from(this.#scenario.tensors.flatMap(({ name }) => [...(tensors[name] ?? [])]))
  }
}

/** No number tells a repeated change from a second one, so the client does not repeat it: the scenario may. */
async function set(session: Session, hyperparams: Readonly<Record<string, number>>): Promise<void> {
  for (;;) {
    try {
      await session.setHyperparams(hyperparams)
      return
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
    }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof StepdError) return error.code
  throw error
}

function equal(what: string, found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) throw new Error(`${what}: ${found}, expected ${expected}`)
}
