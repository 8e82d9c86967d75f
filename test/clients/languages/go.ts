import { join } from 'node:path'
import { built, clients, execute, type Language, players } from './language.ts'

const player = join(players, 'go')
const program = join(built, 'go', 'player')
const example = join(player, 'example', 'main.go')

export const go: Language = {
  name: 'Go',
  folder: 'go',
  tools: [['go', 'version']],
  async build() {
    await execute({ run: ['go', 'build', '-o', program, '.'], in: player })
  },
  play: { run: [program] },
  // Within the module of the player, which has the client.
  example: { fence: 'go', file: example, commands: [{ run: ['go', 'run', './example'], in: player }] },
  tests: [
    { what: 'the client', command: { run: ['go', 'test', './...'], in: join(clients, 'go') } },
    { what: 'its vet', command: { run: ['go', 'vet', './...'], in: join(clients, 'go') } },
  ],
}
