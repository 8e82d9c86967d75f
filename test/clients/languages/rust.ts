import { join } from 'node:path'
import { built, type Command, clients, execute, type Language, players } from './language.ts'

const player = join(players, 'rust')
const example = join(player, 'example', 'main.rs')
const env = { CARGO_TARGET_DIR: join(built, 'rust') }
const cargo = (folder: string, ...args: readonly string[]): Command => ({
  run: ['cargo', '--quiet', ...args],
  in: folder,
  env,
})

export const rust: Language = {
  name: 'Rust',
  folder: 'rust',
  tools: [['cargo', '--version']],
  build: async () => {
    await execute(cargo(player, 'build', '--bin', 'player'))
  },
  play: { run: [join(built, 'rust', 'debug', 'player')] },
  example: { fence: 'rust', file: example, commands: [cargo(player, 'run', '--bin', 'example')] },
  tests: [{ what: 'the client', command: cargo(join(clients, 'rust'), 'test') }],
}
