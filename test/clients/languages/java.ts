import { join } from 'node:path'
import { built, clients, execute, type Language, players } from './language.ts'

const classes = join(built, 'java', 'classes')
const libraries = join(built, 'java', 'libraries')
const file = join(built, 'java', 'Example.java')
const project = join(clients, 'java')
/** Programs of one file, compiled as they are run. */
const jvm = ['java', '-cp', `${classes}:${libraries}/*`] as const

export const java: Language = {
  name: 'Java',
  folder: 'java',
  tools: [
    ['java', '--version'],
    ['mvn', '--version'],
  ],
  async build() {
    const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${libraries}`, '-DincludeScope=runtime']
    await execute({ run: ['mvn', '-q', '-B', 'compile', ...copy], in: project })
    await execute({ run: ['cp', '-RT', join(project, 'target', 'classes'), classes] })
  },
  play: { run: [...jvm, join(players, 'java', 'Player.java')] },
  example: { fence: 'java', file, commands: [{ run: [...jvm, file] }] },
}
