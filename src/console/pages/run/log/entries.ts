// The readable view: lines of plain output as a terminal would show them, and lines of JSON of known programs as entries.

import { visibleText } from './ansi.ts'
import { isErrorText } from './errors.ts'
import { codexJson } from './formats/codexJson.ts'
import { entry } from './formats/entry.ts'
import type { Entry, Format, Json } from './formats/entry.ts'
import { geminiJson, jsonLog, opencodeJson, piJson } from './formats/otherPrograms.ts'
import { streamJson } from './formats/streamJson.ts'
import type { LogLine } from './lines.ts'
import type { Stream } from './records.ts'

const formats: readonly Format[] = [opencodeJson, streamJson, codexJson, geminiJson, piJson, jsonLog]

const words: Readonly<Record<Stream, string>> = { stdout: 'out', stderr: 'err', system: 'system' }

function parsed(text: string): Json | null {
  if (!text.startsWith('{') || !text.endsWith('}')) return null
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

function folded(text: string): readonly Entry[] | null {
  const event = parsed(text.trim())
  if (event === null) return null
  const type = typeof event['type'] === 'string' ? event['type'] : ''
  for (const format of formats) {
    const entries = format(event, type)
    if (entries !== null) return entries
  }
  return null
}

function plain({ stream, text }: LogLine): Entry {
  const shown = visibleText(text)
  const kind = stream === 'stdout' ? 'output' : stream === 'stderr' ? 'error' : 'system'
  return entry(kind, words[stream], shown, isErrorText(shown))
}

const made = new WeakMap<LogLine, readonly Entry[]>()

/** The entries that the readable view shows of a line; none for a line that another one repeats. */
export function entriesOf(line: LogLine): readonly Entry[] {
  const before = made.get(line)
  if (before !== undefined) return before
  const entries = folded(line.text) ?? [plain(line)]
  made.set(line, entries)
  return entries
}

/** Whether a line looks like an error. */
export const isErrorLine = (line: LogLine): boolean => entriesOf(line).some(({ isError }) => isError)
