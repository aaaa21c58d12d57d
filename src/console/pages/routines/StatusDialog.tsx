import type { ReactNode } from 'react'
import type { Routine } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { useChangeRoutine } from './data.ts'

export type StatusAct = 'pause' | 'resume' | 'archive' | 'restore'

interface ActWords {
  readonly status: Routine['status']
  readonly act: string
  readonly effect: string
  readonly done: string
}

const words: Readonly<Record<StatusAct, ActWords>> = {
  pause: {
    status: 'paused',
    act: 'Pause',
    effect: 'No schedule and no webhook makes an issue until it is resumed. You can still run it by hand. Issues that were made go on.',
    done: 'is paused',
  },
  resume: {
    status: 'active',
    act: 'Resume',
    effect: 'Its schedules go on with their next times. Nothing that was due meanwhile is made up for.',
    done: 'is active again',
  },
  archive: {
    status: 'archived',
    act: 'Archive',
    effect: 'It leaves the list and runs no more, not by hand either. Its issues and the record of its runs stay. It can be restored.',
    done: 'is archived',
  },
  restore: {
    status: 'paused',
    act: 'Restore',
    effect: 'It is in the list again, paused. Resume it when it shall run.',
    done: 'is back, and paused',
  },
}

interface StatusDialogProps {
  readonly act: StatusAct
  readonly routine: Routine
  readonly onClose: () => void
}

/** Pauses, resumes, archives or restores a routine. */
export function StatusDialog({ act, routine, onClose }: StatusDialogProps): ReactNode {
  const change = useChangeRoutine(routine.id)
  const { status, act: verb, effect, done } = words[act]
  return (
    <ActDialog
      title={`${verb} ${routine.title}`}
      confirm={verb}
      onClose={onClose}
      act={async () => {
        await change.mutateAsync({ status })
        notify(`${routine.title} ${done}`)
      }}
    >
      <p>{effect}</p>
    </ActDialog>
  )
}
