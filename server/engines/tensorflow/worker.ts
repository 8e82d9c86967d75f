import { parentPort } from 'node:worker_threads'
import type { Plan } from '../../compiler/plan.ts'
import { loadAddon } from './addon.ts'
import { Device } from './device.ts'
import type { Call, Calls, Kind, Reply, Request, SentPlan } from './messages.ts'
import { DeviceReplica } from './replica.ts'

// TensorFlow's calls block: all of them are made here, one after the other, and the server's loop stays free.

interface Held {
  readonly replica: DeviceReplica
  /** Plans that steps were sent with, by their numbers. */
  readonly plans: Map<number, Plan>
}

const held = new Map<number, Held>()
let device: Device | undefined

function theDevice(): Device {
  if (device === undefined) throw new Error('The worker of TensorFlow was not started')
  return device
}

function of(replica: number): Held {
  const found = held.get(replica)
  if (found === undefined) throw new Error(`TensorFlow holds no replica ${replica}: it was closed`)
  return found
}

function planOf(plans: Map<number, Plan>, { at, plan }: SentPlan): Plan {
  if (plan !== undefined) plans.set(at, plan)
  const known = plans.get(at)
  if (known === undefined) throw new Error(`The plan ${at} was never sent`)
  return known
}

const answers: { readonly [K in Kind]: (gets: Calls[K]['gets']) => Calls[K]['gives'] } = {
  start() {
    const addon = loadAddon()
    device = new Device(addon)
    return { version: addon.TF_Version, gpu: addon.isUsingGpuDevice() }
  },
  open({ replica, plan, start }) {
    held.set(replica, { replica: new DeviceReplica(theDevice(), plan, start), plans: new Map() })
  },
  step({ replica, plan, input }) {
    const { replica: own, plans } = of(replica)
    return own.step({ ...input, plan: planOf(plans, plan) })
  },
  save: ({ replica, slot }) => of(replica).replica.save(slot),
  close({ replica }) {
    held.get(replica)?.replica.close()
    held.delete(replica)
  },
  count: () => theDevice().count,
  end() {
    for (const { replica } of held.values()) replica.close()
    held.clear()
  },
}

function answer<K extends Kind>({ kind, gets }: Extract<Call, { kind: K }>): Calls[K]['gives'] {
  return answers[kind as K](gets)
}

/** Memory that is handed over with a reply, not copied. */
function buffersOf(gives: Calls[Kind]['gives']): ArrayBuffer[] {
  if (typeof gives !== 'object') return []
  const parts = Array.isArray(gives)
    ? gives.map(({ bytes }) => bytes)
    : 'parts' in gives
      ? (gives.parts ?? [])
      : []
  return parts.map((part) => part.buffer as ArrayBuffer)
}

parentPort?.on('message', ({ id, call }: Request) => {
  try {
    const gives = answer(call)
    parentPort?.postMessage({ id, gives } satisfies Reply, buffersOf(gives))
  } catch (error) {
    const reason = error instanceof Error ? error : new Error(String(error))
    parentPort?.postMessage({ id, error: reason } satisfies Reply)
  }
  // With no port to listen to the thread ends by itself: it is never stopped amid a call.
  if (call.kind === 'end') parentPort?.close()
})
