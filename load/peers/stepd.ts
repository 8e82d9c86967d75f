import { ServerProcess } from '../../test/process.ts'
import { bytesOf, type Peer } from './peer.ts'

/** The server of this repository as it comes: nothing is set but where it keeps its sessions. */
export async function startStepd(store: string): Promise<Peer> {
  const server = await ServerProcess.start({ STEPD_STORE: store })
  return {
    port: Number(new URL(server.url).port),
    async open(id, params, { learning_rate, weight_decay }) {
      const chain = `adamw(${learning_rate}, weight_decay=${weight_decay})`
      const tensors = [{ name: 'w', shape: [params.length] }]
      const path = `/v1/sessions/${id}`
      const { status, body } = await server.send('PUT', path, { chain, tensors, params: bytesOf(params) })
      if (status !== 201) throw new Error(`A session was answered with ${status}: ${JSON.stringify(body)}`)
      return `${path}/steps`
    },
    stop: async () => {
      await server.stop()
    },
  }
}
