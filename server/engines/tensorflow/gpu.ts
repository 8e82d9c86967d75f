import { existsSync } from 'node:fs'
import { missing } from './addon.ts'
import { type TensorflowEngine, tensorflowEngine } from './engine.ts'

/** What NVIDIA's driver leaves in /dev: on Linux, and on Windows's subsystem for it. */
const devices = ['/dev/nvidiactl', '/dev/dxg']

/** The engine where it has a GPU to compute on; else why it has not. Nothing is loaded where there is no GPU. */
export async function openOnGpu(options: { readonly threads: number }): Promise<TensorflowEngine | string> {
  if (!devices.some(existsSync)) return 'there is no NVIDIA GPU here'
  const lacking = missing()
  if (lacking !== undefined) return `there is an NVIDIA GPU, but ${lacking}`
  try {
    const engine = await tensorflowEngine(options)
    if (engine.gpu) return engine
    await engine.close()
    return 'TensorFlow does not see the NVIDIA GPU: run npm run setup:tensorflow -- --gpu'
  } catch (error) {
    return `there is an NVIDIA GPU, but ${error instanceof Error ? error.message : String(error)}`
  }
}
