import { Problem } from '../../schemas/errors.ts'
import { nearest } from './nearest.ts'

/**
 * The places of the options that a request changes, in the order of `options`, and their new values. An option is
 * named by its path, or by its name alone where only one option has it.
 *
 * @throws Problem `bad_option`
 */
export function locateHyperparams(
  options: ReadonlyMap<string, number>,
  given: Readonly<Record<string, number>>,
): readonly (readonly [index: number, value: number])[] {
  const paths = [...options.keys()]
  const named = new Map<number, string>()
  return Object.entries(given).map(([name, value]) => {
    const matches = paths.includes(name) ? [name] : paths.filter((path) => path.split('.').at(-1) === name)
    const [path] = matches
    if (path === undefined) throw unknown(name, paths)
    if (matches.length > 1) {
      const detail = `hyperparams.${name} could be any of ${matches.join(', ')}: name one of these`
      throw new Problem('bad_option', detail, { path: `/hyperparams/${name}` })
    }
    const index = paths.indexOf(path)
    const other = named.get(index)
    if (other !== undefined)
      throw new Problem(
        'bad_option',
        `hyperparams.${other} and hyperparams.${name} are the same option: set it once`,
        {
          path: `/hyperparams/${name}`,
        },
      )
    named.set(index, name)
    return [index, value]
  })
}

function unknown(name: string, paths: readonly string[]): Problem {
  const near = nearest(name, paths)
  const options =
    paths.length > 0 ? `can change between steps: ${paths.join(', ')}` : 'no option can change between steps'
  const detail = `hyperparams.${name} is no number of this chain that can change between steps; ${options}`
  return new Problem('bad_option', detail, { path: `/hyperparams/${name}`, nearest: near })
}
