import type { ReactNode } from 'react'
import type { RoutineItem } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { counted } from '../../parts/counted.ts'
import { notify } from '../../parts/notices.tsx'
import { usePauseAll } from './data.ts'

interface PauseAllProps {
  readonly routines: readonly RoutineItem[]
  /** The list has more routines than are read. */
  readonly hasMore: boolean
  readonly onClose: () => void
}

const numberOf = (routines: readonly RoutineItem[], hasMore: boolean): string =>
  `${counted(routines.length, 'routine')}${hasMore ? ' or more' : ''}`

/** Pauses every active routine at once. */
export function PauseAll({ routines, hasMore, onClose }: PauseAllProps): ReactNode {
  const pause = usePauseAll('pause-all')
  const active = routines.filter(({ status }) => status === 'active')
  return (
    <ActDialog
      title="Pause all routines"
      confirm="Pause all"
      reason="optional"
      isDangerous
      onClose={onClose}
      act={async (reason) => notify(`${counted(await pause.mutateAsync(reason), 'routine is', 'routines are')} paused`)}
    >
      <ul>
        <li>{numberOf(active, hasMore)} will stop at once: no schedule and no webhook makes an issue.</li>
        <li>Issues that were made go on. Routines that are paused already stay as they are.</li>
        <li>“Resume all” makes exactly these active again.</li>
      </ul>
    </ActDialog>
  )
}

/** Makes the routines active again that were paused all at once. */
export function ResumeAll({ routines, hasMore, onClose }: PauseAllProps): ReactNode {
  const resume = usePauseAll('resume-all')
  const paused = routines.filter(({ pauseReason }) => pauseReason === 'pause_all')
  return (
    <ActDialog
      title="Resume all routines"
      confirm="Resume all"
      reason="optional"
      onClose={onClose}
      act={async (reason) => notify(`${counted(await resume.mutateAsync(reason), 'routine is', 'routines are')} active again`)}
    >
      <p>
        {numberOf(paused, hasMore)} will be active again: those that were paused all at once, and no others. They go on with their next
        times: nothing that was due meanwhile is made up for.
      </p>
    </ActDialog>
  )
}
