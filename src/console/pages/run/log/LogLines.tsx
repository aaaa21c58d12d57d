import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useImperativeHandle, useRef } from 'react'
import type { ReactNode, Ref, UIEvent } from 'react'
import type { LogLine } from './lines.ts'
import { LogRow } from './LogRow.tsx'
import type { LogView } from './view.ts'

/** Moves the log. */
export interface LogHandle {
  readonly toLine: (index: number) => void
  readonly toEnd: () => void
}

interface LogLinesProps {
  readonly lines: readonly LogLine[]
  readonly view: LogView
  readonly isWrapped: boolean
  /** The text that is looked for, to be marked. */
  readonly find: string
  /** The key of the line that was jumped to. */
  readonly current: number | null
  readonly handle: Ref<LogHandle>
  /** Whether the end is in sight. */
  readonly onPinned: (isPinned: boolean) => void
  /** The first or the last line has come into sight. */
  readonly onEdge: (edge: 'start' | 'end') => void
}

const LINE_HEIGHT = 20
/** So near to an edge it counts as reached. */
const EDGE_PX = 40

/** The lines of a log. Only those in sight are in the document; the log stays where it is looked at while others come. */
export function LogLines({ lines, view, isWrapped, find, current, handle, onPinned, onEdge }: LogLinesProps): ReactNode {
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_HEIGHT,
    getItemKey: (index) => lines[index]?.key ?? index,
    overscan: 20,
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: EDGE_PX,
  })
  useImperativeHandle(handle, () => ({
    toLine: (index) => virtual.scrollToIndex(index, { align: 'center' }),
    toEnd: () => virtual.scrollToEnd(),
  }))
  const isEmpty = lines.length === 0
  useEffect(() => {
    if (!isEmpty) virtual.scrollToEnd()
  }, [isEmpty, view, isWrapped, virtual])
  const onScroll = useScrolls({ onPinned, onEdge })
  const items = virtual.getVirtualItems()
  return (
    <div
      ref={box}
      className={`log-lines ${view}${isWrapped ? ' wrapped' : ''}`}
      role="log"
      aria-label="Log of the run"
      aria-live="off"
      tabIndex={0}
      onScroll={onScroll}
    >
      <div className="log-space" style={{ height: virtual.getTotalSize() }}>
        <div className="log-shown" style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
          {items.map(({ index, key }) => {
            const line = lines[index]
            const isCurrent = line?.key === current
            return (
              <div key={key} data-index={index} ref={virtual.measureElement} className={isCurrent ? 'log-line current' : 'log-line'}>
                {line !== undefined && <LogRow line={line} view={view} find={find} isCurrent={isCurrent} />}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}

/** Says where the log has been scrolled to. */
function useScrolls({ onPinned, onEdge }: Pick<LogLinesProps, 'onPinned' | 'onEdge'>): (event: UIEvent<HTMLElement>) => void {
  const top = useRef(0)
  return ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
    const isUp = scrollTop < top.current
    top.current = scrollTop
    const isAtEnd = scrollHeight - scrollTop - clientHeight <= EDGE_PX
    // Lines that are added below do not unpin, only a scroll away from the end.
    if (isAtEnd) onPinned(true)
    else if (isUp) onPinned(false)
    if (isUp && scrollTop <= EDGE_PX) onEdge('start')
    if (isAtEnd && !isUp) onEdge('end')
  }
}
