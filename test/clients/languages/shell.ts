import { join } from 'node:path'
import { built, type Language } from './language.ts'

const file = join(built, 'shell', 'example.sh')

/** An example and no client: it plays nothing. */
export const shell: Language = {
  name: 'Shell',
  folder: 'shell',
  tools: [
    ['curl', '--version'],
    ['od', '--version'],
  ],
  build: async () => {},
  tests: [
    {
      what: 'a key',
      command: {
        run: [
          'sh',
          '-euc',
          'curl --fail --silent "$STEPD_KEYED_URL/v1/sessions" -H "authorization: Bearer $STEPD_API_KEY"',
        ],
      },
    },
  ],
  example: { fence: 'sh', file, commands: [{ run: ['sh', '-eu', file] }] },
}
