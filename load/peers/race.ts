import { randomUUID } from 'node:crypto'
import { Packr } from 'msgpackr'
import { rateOf, Wire } from '../bench/peers/wire.ts'
import { gradient, parameters } from './agree.ts'
import { bytesOf, type Peer } from './peer.ts'

const packr = new Packr({ useRecords: false })

/** So many parameters in each session, and a session a connection. */
export interface Case {
  readonly n: number
  readonly connections: number
  /** Milliseconds for which steps are counted. */
  readonly time: number
}

/** Milliseconds after which a server's code is compiled, by whatever compiles it while it runs. */
export const warmTime = 8000

/**
 * What every HTTP server is given to do first: small steps, some ten thousand of them. Before it is measured, it then takes
 * those of the case itself for as long, for large bodies may come another way. So it is as one that has been there for a
 * minute.
 */
const warmup: Case = { n: 1024, connections: 16, time: warmTime }

export async function warmUp(peer: Peer): Promise<void> {
  const race = await Race.open(peer, warmup)
  try {
    await race.rate(warmup.time)
  } finally {
    race.close()
  }
}

export const nameOf = ({ n, connections }: Case): string =>
  `${n} parameters, ${connections} ${connections === 1 ? 'connection' : 'connections'}`

/** Clients of a server that send the same gradient again and again. */
export class Race {
  readonly #wires: readonly Wire[]

  private constructor(wires: readonly Wire[]) {
    this.#wires = wires
  }

  static async open(peer: Peer, { n, connections }: Case): Promise<Race> {
    const body = packr.pack({ grads: bytesOf(gradient(n)) })
    const options = { learning_rate: 1e-3, weight_decay: 1e-4 }
    const wires: Wire[] = []
    for (let k = 0; k < connections; k++) {
      const path = await peer.open(`race-${randomUUID()}`, parameters(n), options)
      wires.push(new Wire(peer.port, path, body))
    }
    return new Race(wires)
  }

  /** Steps a second, in the mean over about `time` milliseconds. */
  rate(time: number): Promise<number> {
    return rateOf(this.#wires, time)
  }

  close(): void {
    for (const wire of this.#wires) wire.close()
  }
}
