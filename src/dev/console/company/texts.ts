// Texts of the filled company, as agents and people write them.

export const DESCRIPTION = `The notes of the release have to be on the site **before** the announcement.

## Parts

1. Collect the changes since the last tag.
2. Write them for readers who do not know the code.
3. Ask *Linus* to read them.

| part | owner | state |
| --- | --- | --- |
| server | Grace | written |
| command line | Linus | missing |

\`\`\`sh
git log --oneline v1.4..HEAD | wc -l
\`\`\`

- [x] The draft has a title
- [ ] The draft has a picture

See [the notes before](https://example.com/notes) and \`doc/CHANGELOG.md\`.`

export const COMMENTS = [
  'I read the commits of the last week first. There are **forty**, and six of them change what a client sees.',
  'Please name the migration in the first line: operators look for it.',
  'Done. The table says now who has to act:\n\n> Servers with their own Postgres need version 15.',
]

const PLAN = [
  '# Plan',
  '',
  'Collect the changes.',
  'Write one sentence for each.',
  'Ask for a review.',
  '',
  '## Risks',
  '',
  'The migration takes a minute.',
]

/** Three revisions of one document. */
export const REVISIONS = [
  PLAN.join('\n'),
  PLAN.with(3, 'Write one sentence for each, with the issue that asked for it.').join('\n'),
  [...PLAN.with(3, 'Write one sentence for each, with the issue that asked for it.'), '', 'The picture is missing.'].join('\n'),
]

/** A program that works for a while and says what it does. */
export const WORKER = `
let line = 0
console.log('Reading the issue.')
setInterval(() => {
  line += 1
  console.log(line % 7 === 0 ? 'warning: the mirror is slow' : 'step ' + line + ' of many')
}, 700)`

/** A program that fails at once. */
export const FAILING = `
console.log('Connecting to the mirror.')
console.error('error: the mirror refused the connection')
process.exit(3)`
