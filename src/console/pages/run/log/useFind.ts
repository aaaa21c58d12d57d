import { useDeferredValue, useMemo } from 'react'
import { useState } from 'react'
import type { LogLine } from './lines.ts'
import { findIn, indexOfKey } from './view.ts'
import type { LogView } from './view.ts'

export interface Find {
  readonly text: string
  readonly setText: (text: string) => void
  /** How many lines have it. */
  readonly count: number
  /** The place of the current line among them, from 1 on; 0 before the first jump. */
  readonly place: number
  /** The index of the line to jump to: the next one, or the one before, around the ends. -1 where there is none. */
  readonly step: (by: 1 | -1) => number
}

/** Looks for a text in the lines that are shown. @param current the key of the line that was jumped to */
export function useFind(lines: readonly LogLine[], view: LogView, current: number | null): Find {
  const [text, setText] = useState('')
  const wanted = useDeferredValue(text)
  const found = useMemo(() => findIn(lines, view, wanted), [lines, view, wanted])
  const at = current === null ? -1 : indexOfKey(lines, current)
  return {
    text,
    setText,
    count: found.length,
    place: found.indexOf(at) + 1,
    step: (by) => {
      // From the end backwards, because that is where a log is looked at.
      if (by < 0) return found.findLast((index) => at < 0 || index < at) ?? found.at(-1) ?? -1
      return found.find((index) => index > at) ?? found[0] ?? -1
    },
  }
}
