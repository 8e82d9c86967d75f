import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The text of a file of the repository. */
export const source = (path: string): string => readFileSync(join(root, path), 'utf8')
/** Where it is. */
export const placeOf = (path: string): string => join(root, path)

/** An instruction of a Dockerfile and its arguments; lines that go on are one. */
export interface Instruction {
  readonly name: string
  readonly rest: string
}

/** A stage: what it starts from, and what it does. */
export interface Stage {
  readonly name: string
  readonly from: string
  readonly does: readonly Instruction[]
}

/** The stages of the Dockerfile, with its arguments before the first in place. */
export function readStages(): readonly Stage[] {
  const lines = source('Dockerfile')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const instructions = lines.map((line): Instruction => {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
    return { name, rest }
  })
  const given = new Map<string, string>()
  const stages: { name: string; from: string; does: Instruction[] }[] = []
  for (const one of instructions) {
    const [, from = '', as = ''] = one.name === 'FROM' ? (/^(\S+) AS (\w+)$/.exec(one.rest) ?? []) : []
    if (from !== '')
      stages.push({
        name: as,
        from: from.replace(/\$\{(\w+)\}/, (_, name) => given.get(name) ?? ''),
        does: [],
      })
    else if (stages.length === 0) given.set(one.rest.split('=')[0] ?? '', one.rest.replace(/^\w+=/, ''))
    else stages.at(-1)?.does.push(one)
  }
  return stages
}
