import { useMemo, useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../../api/background.ts'
import type { Run } from '../../../api/types.ts'
import { useKeys } from '../../../keys/keys.ts'
import { Skeleton } from '../../../parts/Empty.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { formatNumber } from '../../../parts/time.ts'
import { setQuery, usePlace } from '../../../router/location.ts'
import { bytesOf, isLive } from '../../runs/words.ts'
import { LogBar } from './LogBar.tsx'
import { LogLines } from './LogLines.tsx'
import type { LogReader } from './reader.ts'
import type { LogState } from './state.ts'
import { useFind } from './useFind.ts'
import { useLog } from './useLog.ts'
import { copyLog, downloadLog, toFirstError, useJumps } from './useLogActs.ts'
import { linesOf } from './view.ts'
import type { LogView } from './view.ts'

/** The settings of the log, which the address has. */
function useSettings(): { readonly view: LogView; readonly isWrapped: boolean } {
  const { query } = usePlace()
  return { view: query.get('log') === 'raw' ? 'raw' : 'nice', isWrapped: query.get('wrap') !== 'off' }
}

/** Whether the end is in sight, and how many lines have come since it was. */
function usePin(reader: LogReader, { arrived }: LogState) {
  const [left, setLeft] = useState<number | null>(null)
  return {
    isPinned: left === null,
    missed: left === null ? 0 : arrived - left,
    setPinned: (isPinned: boolean) => {
      reader.isPinned = isPinned
      setLeft((before) => (isPinned ? null : (before ?? reader.state().arrived)))
    },
  }
}

/** The log of a run, live while the run is. The component has the id of the run as its key. */
export function LogPanel({ run }: { readonly run: Run }): ReactNode {
  const { reader, state } = useLog(run)
  const { view, isWrapped } = useSettings()
  const all = state.window.lines.all
  const lines = useMemo(() => linesOf(all, view), [all, view])
  const jumps = useJumps(lines)
  const find = useFind(lines, view, jumps.current)
  const pin = usePin(reader, state)
  const field = useRef<HTMLInputElement>(null)
  const step = (by: 1 | -1): void => jumps.jumpTo(find.step(by))
  const firstError = (): void => inBackground(toFirstError(reader, jumps))
  const toEnd = (): void => {
    if (!state.isAtEnd) inBackground(reader.toEnd())
    jumps.handle.current?.toEnd()
    pin.setPinned(true)
  }
  useKeys('Log', [
    { keys: '/', label: 'Find in the log', run: () => field.current?.focus() },
    { keys: 'n', label: 'Next line found', run: () => step(1) },
    { keys: 'N', label: 'Previous line found', run: () => step(-1) },
    { keys: 'e', label: 'Go to the first error', run: firstError },
    { keys: 'G', label: 'Go to the end of the log', run: toEnd },
    { keys: 'w', label: 'Wrap long lines, or do not', run: () => setQuery({ wrap: isWrapped ? 'off' : null }) },
    { keys: 'v', label: 'Change between the nice and the raw view', run: () => setQuery({ log: view === 'raw' ? null : 'raw' }) },
  ])
  return (
    <section className="log" aria-labelledby="log">
      <h2 id="log">Log</h2>
      <LogBar
        view={view}
        isWrapped={isWrapped}
        find={find}
        field={field}
        onStep={step}
        onFirstError={firstError}
        onCopy={() => inBackground(copyLog(lines, view))}
        onDownload={() => downloadLog(run.id)}
      />
      {state.problem !== null && <Problem problem={state.problem} retry={() => inBackground(reader.toEnd())} />}
      <div className="log-box">
        <Start state={state} reader={reader} />
        {lines.length === 0 ? (
          <Nothing state={state} run={run} />
        ) : (
          <LogLines
            {...{ lines, view, isWrapped }}
            find={find.text}
            current={jumps.current}
            handle={jumps.handle}
            onPinned={pin.setPinned}
            onEdge={(edge) => inBackground(edge === 'start' ? reader.readEarlier() : reader.readLater())}
          />
        )}
        <End state={state} run={run} count={lines.length} pin={pin} onEnd={toEnd} />
      </div>
    </section>
  )
}

/** How much comes before the part that is loaded, and the way to it. */
function Start({ state, reader }: { readonly state: LogState; readonly reader: LogReader }): ReactNode {
  const { start } = state.window
  if (start === 0) return null
  return (
    <Edge words={`${bytesOf(start)} of output before this are not loaded.`}>
      <button type="button" className="secondary" disabled={state.isReading} onClick={() => inBackground(reader.readEarlier())}>
        Load earlier output
      </button>
    </Edge>
  )
}

const Edge = ({ words, children }: { readonly words: string; readonly children: ReactNode }): ReactNode => (
  <div className="log-edge">
    <span className="soft">{words}</span>
    {children}
  </div>
)

function Nothing({ state, run }: { readonly state: LogState; readonly run: Run }): ReactNode {
  if (state.isReading) return <Skeleton lines={8} />
  if (run.status === 'queued') return <p className="log-nothing soft">The run has not started. Its output appears here when it does.</p>
  if (isLive(run)) return <p className="log-nothing soft">The run has written nothing yet. Its output appears here as it comes.</p>
  return <p className="log-nothing soft">The run wrote nothing, or its log is older than logs are kept.</p>
}

interface EndProps {
  readonly state: LogState
  readonly run: Run
  readonly count: number
  readonly pin: { readonly isPinned: boolean; readonly missed: number }
  readonly onEnd: () => void
}

/** Whether what is shown is the end, and the way to it. */
function End({ state, run, count, pin, onEnd }: EndProps): ReactNode {
  const lines = `${formatNumber(count)} ${count === 1 ? 'line' : 'lines'}`
  const words = !state.isAtEnd
    ? `${lines}. Later output is not loaded.`
    : !isLive(run)
      ? `${lines}. This is the end of the log.`
      : pin.isPinned
        ? `${lines}. Follows the run.`
        : `${lines}. Paused while you read${pin.missed > 0 ? `: ${formatNumber(pin.missed)} new` : ''}.`
  return (
    <Edge words={words}>
      {(!state.isAtEnd || !pin.isPinned) && (
        <button type="button" className="secondary" onClick={onEnd}>
          Jump to the end
        </button>
      )}
    </Edge>
  )
}
