// The two views of a log, and what is found in them. Pure functions.

import { entriesOf } from './entries.ts'
import { firstFrom } from './lines.ts'
import type { LogLine } from './lines.ts'

/** `nice` is the readable view, `raw` has the output as it is. */
export type LogView = 'nice' | 'raw'

/** The lines that a view shows: the readable one leaves out what another line repeats. */
export const linesOf = (lines: readonly LogLine[], view: LogView): readonly LogLine[] =>
  view === 'raw' ? lines : lines.filter((line) => entriesOf(line).length > 0)

/** The text that a view shows of a line. */
export const textOf = (line: LogLine, view: LogView): string =>
  view === 'raw'
    ? line.text
    : entriesOf(line)
        .map(({ text }) => text)
        .join('\n')

/** The keys of the lines in which a text is found, in whatever case. */
export function findIn(lines: readonly LogLine[], view: LogView, text: string): readonly number[] {
  if (text === '') return []
  const wanted = text.toLowerCase()
  return lines.flatMap((line) => (textOf(line, view).toLowerCase().includes(wanted) ? [line.key] : []))
}

/** The index of a line by its key; -1 where it is not shown. */
export function indexOfKey(lines: readonly LogLine[], key: number): number {
  const index = firstFrom(lines, key)
  return lines[index]?.key === key ? index : -1
}

/** A text cut where another one is found in it: every second part is a finding. */
export function cutAt(text: string, wanted: string): readonly string[] {
  if (wanted === '') return [text]
  const [lower, needle] = [text.toLowerCase(), wanted.toLowerCase()]
  // A letter whose small form is longer moves what follows it; such a text is shown without marks.
  if (lower.length !== text.length) return [text]
  const parts: string[] = []
  let from = 0
  for (let found = lower.indexOf(needle); found >= 0; found = lower.indexOf(needle, from)) {
    parts.push(text.slice(from, found), text.slice(found, found + needle.length))
    from = found + needle.length
  }
  return [...parts, text.slice(from)]
}
