import { useEffect, useRef, useState } from 'react'
import type { RefObject } from 'react'
import { inBackground } from '../../../api/background.ts'
import { copyText } from '../../../parts/copyText.ts'
import { download } from '../../../parts/csv.ts'
import { notify } from '../../../parts/notices.tsx'
import { formatNumber } from '../../../parts/time.ts'
import { shortId } from '../../runs/words.ts'
import { isErrorLine } from './entries.ts'
import type { LogLine } from './lines.ts'
import type { LogHandle } from './LogLines.tsx'
import { wholeLog } from './pieces.ts'
import type { LogReader } from './reader.ts'
import { indexOfKey, textOf } from './view.ts'
import type { LogView } from './view.ts'

/** A jump to a line. Each is a new one, also to the same line. */
interface Jump {
  readonly key: number
}

export interface Jumps {
  /** The key of the line that was jumped to last. */
  readonly current: number | null
  readonly handle: RefObject<LogHandle | null>
  readonly jumpTo: (key: number | null) => void
}

/** Jumps to lines: also to one that is shown only now. */
export function useJumps(lines: readonly LogLine[]): Jumps {
  const handle = useRef<LogHandle>(null)
  const [jump, setJump] = useState<Jump | null>(null)
  const shown = useRef(lines)
  shown.current = lines
  useEffect(() => {
    const index = jump === null ? -1 : indexOfKey(shown.current, jump.key)
    if (index >= 0) handle.current?.toLine(index)
  }, [jump])
  return {
    current: jump?.key ?? null,
    handle,
    jumpTo: (key) => {
      if (key !== null) setJump({ key })
    },
  }
}

/** Goes to the first line of the whole log that looks like an error. */
export async function toFirstError(reader: LogReader, { jumpTo }: Jumps): Promise<void> {
  const line = await reader.findFirst(isErrorLine)
  if (line === null) notify('No line of the log looks like an error.')
  else jumpTo(line.key)
}

/** Copies the lines that are loaded, as the view shows them. */
export async function copyLog(lines: readonly LogLine[], view: LogView): Promise<void> {
  const isCopied = await copyText(lines.map((line) => textOf(line, view)).join('\n'))
  notify(
    isCopied
      ? `${formatNumber(lines.length)} lines are copied.`
      : 'This browser gives pages no clipboard at an address without TLS. Download the log instead.',
  )
}

/** Saves the whole log as a file, as the run wrote it. */
export function downloadLog(runId: string): void {
  const read = async (): Promise<void> => {
    const parts: string[] = []
    for await (const { records } of wholeLog(runId)) parts.push(records.map(({ text }) => text).join(''))
    download(`run-${shortId(runId)}.log`, parts, 'text/plain')
  }
  inBackground(read())
}
