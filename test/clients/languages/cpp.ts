import { join } from 'node:path'
import { answers, apt, built, clients, execute, type Language, players } from './language.ts'

const folder = join(built, 'cpp')
const make = { run: ['cmake', '--build', folder, '--target'] } as const
const configure = [
  'cmake',
  '-S',
  join(players, 'cpp'),
  '-B',
  folder,
  `-DCLIENT=${join(clients, 'cpp')}`,
] as const

export const cpp: Language = {
  name: 'C++',
  folder: 'cpp',
  tools: [
    ['c++', '--version'],
    ['cmake', '--version'],
  ],
  async build() {
    if (!(await answers(configure))) {
      await apt('libcurl4-openssl-dev', 'nlohmann-json3-dev')
      await execute({ run: configure })
    }
    await execute({ run: [...make.run, 'player'] })
  },
  play: { run: [join(folder, 'player')] },
  example: {
    fence: 'cpp',
    file: join(folder, 'example.cpp'),
    commands: [{ run: configure }, { run: [...make.run, 'example'] }, { run: [join(folder, 'example')] }],
  },
}
