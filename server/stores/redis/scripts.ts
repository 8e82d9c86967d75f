import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const read = (name: string): string => readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8')

const load = (name: string, before = `${read('common')}\n`) => {
  const source = `${before}${read(name)}`
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

export const scripts = {
  append: load('append', `${read('follow')}${read('common')}\n`),
  carried: load('carried', read('follow')),
  create: load('create'),
  delete: load('delete'),
  drop: load('drop'),
  entries: load('entries'),
  get: load('get'),
  putsnapshot: load('putsnapshot'),
  snapshot: load('snapshot'),
  trim: load('trim'),
  ttl: load('ttl'),
} as const

export type Script = keyof typeof scripts
