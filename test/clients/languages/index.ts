import { cpp } from './cpp.ts'
import { go } from './go.ts'
import { java } from './java.ts'
import type { Language } from './language.ts'
import { python } from './python.ts'
import { rust } from './rust.ts'
import { shell } from './shell.ts'

/** Every client but TypeScript's, which `npm test` tests. */
export const languages: readonly Language[] = [python, go, rust, java, cpp, shell]
