import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const sources = fileURLToPath(new URL('../../', import.meta.url))

/** A place at which a full check, or a variable for one, decides: a part of a line that a reader understands alone. */
const DECIDES = /isFullCheck|valuesInTurn\(|process\.env\['(?:KILLS|LARGEST_INPUTS|HOSTILE_HOSTS|STALLED_\w+|\w+_ROUNDS)'\]/

/** The places of a file, as code. Imports, comments and what follows from a place before are left out. */
const placesIn = (text: string): string[] => [
  ...new Set(
    text
      // The title of a test that only a full check runs stands on the next line.
      .replaceAll(/If\((!?isFullCheck)\)\(\n\s*('.*'),\n/g, 'If($1)($2)\n')
      .split('\n')
      .map((line) =>
        line
          .trim()
          .replace(/[{(]+$/, '')
          .trim(),
      )
      .filter((line) => DECIDES.test(line) && !/^(?:import |\/\/|\/?\*|if \(process)/.test(line)),
  ),
]

/** Renders the tests whose size a full check changes, with the code that does. */
export function renderFullCheck(): string {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .toSorted()
  const rows = files.flatMap((file) =>
    placesIn(readFileSync(path.join(sources, file), 'utf8')).map((place) => `| \`${file}\` | \`\`${place.replaceAll('|', '\\|')}\`\` |`),
  )
  return `# Tests that have a full size

\`npm run docs\` writes this file. \`npm test\` shows each behaviour in its small size; \`npm run check:full\` sets \`FULL_CHECK=1\`, and its longer
races set variables of their own (\`package.json\`). [CONTRIBUTING.md](../../CONTRIBUTING.md) says how to choose.

| file below \`src\` | where its size is decided |
| --- | --- |
${rows.join('\n')}
`
}
