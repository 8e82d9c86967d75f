import { execFile } from 'node:child_process'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { promisify } from 'node:util'

/** What figures depend on. */
export async function describeMachine(): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await promisify(execFile)('gcc', ['--version'])
  return {
    machine: `${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    software: `Node ${process.version}, V8 ${process.versions.v8}, ${stdout.split('\n')[0]}`,
  }
}
