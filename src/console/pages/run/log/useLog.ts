import { useEffect, useState, useSyncExternalStore } from 'react'
import type { Run } from '../../../api/types.ts'
import { isLive } from '../../runs/words.ts'
import { LogReader } from './reader.ts'
import type { LogState } from './state.ts'

/** Reads the log of a run while it is shown. The component has the id of the run as its key. */
export function useLog(run: Run): { readonly reader: LogReader; readonly state: LogState } {
  const [reader] = useState(() => new LogReader({ id: run.id, isEnded: !isLive(run), logBytes: run.logBytes }))
  useEffect(() => reader.start(), [reader])
  const hasEnded = !isLive(run)
  useEffect(() => {
    if (hasEnded) reader.runEnded(run.logBytes)
  }, [reader, hasEnded, run.logBytes])
  return { reader, state: useSyncExternalStore(reader.subscribe, reader.state) }
}
