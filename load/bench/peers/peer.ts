import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('./worker.js', import.meta.url))

/** A server to compare with. */
export class Peer {
  readonly port: number
  readonly #child: ChildProcess

  private constructor(port: number, child: ChildProcess) {
    this.port = port
    this.#child = child
  }

  /** @param redis where `kept` keeps what it was sent */
  static async start(name: 'echo' | 'bare' | 'kept', redis = ''): Promise<Peer> {
    const child = spawn(process.execPath, [program, name, redis], { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: child.stdout })) return new Peer(Number(line), child)
    throw new Error(`The peer ${name} did not start`)
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.kill()
    await gone
  }
}
