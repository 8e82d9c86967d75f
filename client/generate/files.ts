import { writeCatalogue } from './catalogue.ts'
import { writeCpp } from './cpp.ts'
import { writeGo } from './go.ts'
import { writeJava } from './java.ts'
import { writePython } from './python.ts'
import { writeRust } from './rust.ts'
import { writeTypeScript } from './typescript.ts'
import { readVocabulary, type Vocabulary } from './vocabulary.ts'

/** The command that writes them, for their first lines and for whoever finds one stale. */
export const command = 'npm run generate'

/** Every generated file by its path from the root, and who writes it. */
const writers: Readonly<Record<string, (vocabulary: Vocabulary, command: string) => string>> = {
  'client/cpp/include/stepd/vocabulary.hpp': writeCpp,
  'client/go/vocabulary.go': writeGo,
  'client/java/src/main/java/stepd/Vocabulary.java': writeJava,
  'client/python/src/stepd/vocabulary.py': writePython,
  'client/rust/src/vocabulary.rs': writeRust,
  'client/typescript/vocabulary.ts': writeTypeScript,
  'schemas/catalogue.md': (_vocabulary, command) => writeCatalogue(command),
}

/** What the generated files are to say. */
export function generate(): ReadonlyMap<string, string> {
  const vocabulary = readVocabulary()
  return new Map(Object.entries(writers).map(([path, write]) => [path, write(vocabulary, command)]))
}
