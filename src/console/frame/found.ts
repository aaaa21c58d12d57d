// The things that the palette finds, in the order in which it shows them. Pure, so that it can be tested by itself.

/** One thing that can be opened or done. */
export interface Entry {
  readonly key: string
  /** The words by which it is found. */
  readonly words: string
  /** Words beside them, such as a title or a status. */
  readonly note?: string
  /** An address below `/console`, or an act. */
  readonly to: string | (() => void)
}

export interface Group {
  readonly name: string
  readonly entries: readonly Entry[]
}

/** Entries of one group that are shown. */
const MOST = 8

const textOf = ({ words, note = '' }: Entry): string => `${words} ${note}`.toLowerCase()

const startsWith = (entry: Entry, text: string): boolean => entry.words.toLowerCase().startsWith(text)

/** The entries that have every typed word, those that begin with the text first. */
export function matching(entries: readonly Entry[], typed: string): Entry[] {
  const text = typed.trim().toLowerCase()
  const words = text.split(/\s+/)
  return entries
    .filter((entry) => words.every((word) => textOf(entry).includes(word)))
    .toSorted((one, other) => Number(startsWith(other, text)) - Number(startsWith(one, text)))
}

/** The lists of the palette. Those of the server are found by it already. */
export interface Findable {
  readonly pages: readonly Entry[]
  readonly issues: readonly Entry[]
  readonly agents: readonly Entry[]
  readonly runs: readonly Entry[]
  readonly acts: readonly Entry[]
}

/** The groups that fit what is typed: pages that begin with it, then the work, then everything else. Empty groups are left out. */
export function groupsFor(typed: string, { pages, issues, agents, runs, acts }: Findable): Group[] {
  const text = typed.trim().toLowerCase()
  const found = matching(pages, text)
  const begins = text === '' ? found : found.filter((entry) => startsWith(entry, text))
  const groups = [
    { name: 'Pages', entries: begins },
    { name: 'Issues', entries: text === '' ? [] : issues },
    { name: 'Agents', entries: text === '' ? [] : matching(agents, text) },
    { name: 'Runs', entries: runs },
    { name: 'More pages', entries: found.filter((entry) => !begins.includes(entry)) },
    { name: 'Acts', entries: matching(acts, text) },
  ]
  return groups
    .map(({ name, entries }) => ({ name, entries: name === 'Pages' || name === 'Acts' ? entries : entries.slice(0, MOST) }))
    .filter(({ entries }) => entries.length > 0)
}

/** Whether a text may be the beginning of the id of a run, or the whole id. */
export const isRunId = (text: string): boolean => /^[0-9a-f]{4,8}(?:-[0-9a-f-]{0,27})?$/i.test(text.trim())

/** Whether a text is a whole id. */
export const isWholeId = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text.trim())
