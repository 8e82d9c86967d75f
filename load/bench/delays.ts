import { readFileSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

// Loaded ahead of a server, this file notes how late its event loop is, until it ends; loaded by the benchmark, it reads
// what was noted.

const variable = 'BENCH_DELAYS'
const { [variable]: target } = process.env
if (target !== undefined && isMainThread) note(target)

/** Milliseconds from each turn of a timer of 1 ms to the next, with the time of day at its end. */
function note(file: string): void {
  const noted: number[] = []
  let last = performance.now()
  const turn = () => {
    const now = performance.now()
    noted.push(performance.timeOrigin + now, now - last)
    last = now
    setTimeout(turn, 1).unref()
  }
  turn()
  process.once('exit', () => writeFileSync(file, Float64Array.from(noted)))
}

/** What a process is started with so that its delays are noted. */
export const noting = (file: string): Record<string, string> => ({
  NODE_OPTIONS: `--import ${import.meta.url}`,
  [variable]: file,
})

/** The delays within a span of time. */
export function readDelays(file: string, [from, to]: readonly [number, number]): readonly number[] {
  const noted = new Float64Array(Uint8Array.from(readFileSync(file)).buffer)
  return [...noted].filter((_, i) => i % 2 === 1 && inSpan(noted[i - 1] ?? 0, from, to))
}

const inSpan = (at: number, from: number, to: number) => at >= from && at <= to
