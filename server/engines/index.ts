import type { Engine } from './engine.ts'

export interface EngineOptions {
  /** Threads for large steps. */
  readonly threads: number
}

/** One line an engine; its code is loaded when it is asked for and not before. */
const engines = {
  wasm: async (options) => (await import('./wasm/engine.ts')).wasmEngine(options),
  tensorflow: async (options) => (await import('./tensorflow/engine.ts')).tensorflowEngine(options),
  reference: async () => (await import('./reference.ts')).referenceEngine(),
} as const satisfies Record<string, (options: EngineOptions) => Promise<Engine>>

type Name = keyof typeof engines
const isName = (name: string): name is Name => Object.hasOwn(engines, name)

/** Open an engine by name; `auto` is the fastest that is here. Says which and why. */
export async function openEngine(
  name: string,
  options: EngineOptions,
): Promise<{ readonly engine: Engine; readonly reason: string }> {
  if (name === 'auto') {
    const found = await (await import('./tensorflow/gpu.ts')).openOnGpu(options)
    if (typeof found !== 'string') return { engine: found, reason: 'auto: TensorFlow has a GPU' }
    return { engine: await engines.wasm(options), reason: `auto: ${found}` }
  }
  if (isName(name)) return { engine: await engines[name](options), reason: 'as STEPD_ENGINE says' }
  throw new Error(`There is no engine ${name}; there are ${Object.keys(engines).join(', ')}`)
}
