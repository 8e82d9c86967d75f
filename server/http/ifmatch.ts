import { Problem } from '../../schemas/index.ts'

/** The step that an `If-Match` header names; any when there is none or it is `*`. */
export function ifMatch(header: string | undefined): number | undefined {
  if (header === undefined || header.trim() === '*') return undefined
  const [, step] = /^"(\d+)"$/.exec(header.trim()) ?? []
  if (step === undefined)
    throw new Problem('invalid_request', `If-Match is ${header}, expected a step such as "12"`, {
      path: 'if-match',
    })
  return Number(step)
}
