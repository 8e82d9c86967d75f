import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { exchange } from '../../test/process.ts'
import { freePort } from '../../test/redis.ts'
import { answers, Child, python } from './child.ts'
import { bytesOf, type Peer, type Rival } from './peer.ts'
import { type Backend, backends } from './typescript/backends.ts'

const worker = fileURLToPath(new URL('./typescript/worker.js', import.meta.url))

/** What both servers that one writes in an afternoon speak. */
const served = (child: Child, port: number): Peer => ({
  port,
  async open(id, params, options) {
    const body = { params: bytesOf(params), ...options }
    const open = () => exchange(`http://127.0.0.1:${port}/sessions/${id}`, 'PUT', body)
    // A server that was busy all the while closes a connection that stood idle just when it is used again.
    const { status } = await open().catch(open)
    if (status !== 201) throw new Error(`A session was answered with ${status}, expected 201`)
    return `/sessions/${id}/steps`
  },
  stop: () => child.stop(),
})

export async function startTypescript(backend: Backend, workers: number, redis: string): Promise<Peer> {
  const given = { backend, workers, redis }
  const options = Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = new Child([process.execPath, worker, ...options])
  return served(child, Number(await child.says(/^listening at .*:(\d+)$/)))
}

async function startPython(mode: string, threads: number, workers: number, redis: string): Promise<Peer> {
  const { python: interpreter, cwd } = python('python')
  const port = await freePort()
  const count = ['--workers', String(workers), '--port', String(port)]
  const quiet = ['--no-access-log', '--log-level', 'warning']
  const child = new Child([interpreter, '-m', 'uvicorn', 'server:app', ...count, ...quiet], {
    cwd,
    env: { MODE: mode, THREADS: String(threads), WORKERS: String(workers), REDIS_URL: redis },
  })
  await child.shows(() => answers(`http://127.0.0.1:${port}/ready`))
  return served(child, port)
}

const cores = Math.min(8, availableParallelism())
const several = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`

export const typescript: Rival = {
  name: 'TypeScript',
  settings: backends.flatMap((backend) =>
    [1, cores].map((workers) => ({
      label: `${backend}, ${several(workers, 'worker')}`,
      start: (redis: string) => startTypescript(backend, workers, redis),
    })),
  ),
}

/** Threads of PyTorch in how many workers. */
const shares = [
  [1, 1],
  [cores, 1],
  [1, cores],
] as const

export const pytorch: Rival = {
  name: 'Python',
  settings: ['blocking', 'threads', 'asyncio'].flatMap((mode) =>
    shares.map(([threads, workers]) => ({
      label: `${mode}, ${several(threads, 'thread')}, ${several(workers, 'worker')}`,
      start: (redis: string) => startPython(mode, threads, workers, redis),
    })),
  ),
}
