import { useDeferredValue, useMemo, useState } from 'react'
import type { LogLine } from './lines.ts'
import { findIn } from './view.ts'
import type { LogView } from './view.ts'

export interface Find {
  readonly text: string
  readonly setText: (text: string) => void
  /** How many lines have it. */
  readonly count: number
  /** The place of the current line among them, from 1 on; 0 before the first jump. */
  readonly place: number
  /** The key of the next line that has it, or of the one before, around the ends; null where there is none. */
  readonly step: (by: 1 | -1) => number | null
}

/** Looks for a text in the lines that are shown, when there is time for it. @param current the key of the line that was jumped to */
export function useFind(lines: readonly LogLine[], view: LogView, current: number | null): Find {
  const [text, setText] = useState('')
  const [wanted, searched] = [useDeferredValue(text), useDeferredValue(lines)]
  const found = useMemo(() => findIn(searched, view, wanted), [searched, view, wanted])
  return {
    text,
    setText,
    count: found.length,
    place: current === null ? 0 : found.indexOf(current) + 1,
    step: (by) => {
      // From the end backwards, because that is where a log is looked at.
      if (by < 0) return found.findLast((key) => current === null || key < current) ?? found.at(-1) ?? null
      return found.find((key) => current === null || key > current) ?? found[0] ?? null
    },
  }
}
