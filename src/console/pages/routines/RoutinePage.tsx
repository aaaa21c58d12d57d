import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Answer } from '../../api/client.ts'
import type { RoutineDetail } from '../../api/types.ts'
import { useKeys } from '../../keys/keys.ts'
import type { PageProps } from '../../pages.ts'
import { Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useRoutine } from './data.ts'
import { RoutineFacts } from './RoutineFacts.tsx'
import { RoutineForm } from './RoutineForm.tsx'
import { RunNow } from './RunNow.tsx'
import { Runs } from './Runs.tsx'
import { StatusDialog } from './StatusDialog.tsx'
import type { StatusAct } from './StatusDialog.tsx'
import { Triggers } from './Triggers.tsx'

/** One routine: what makes it run, what it has made, its fields. */
export default function RoutinePage({ params }: PageProps): ReactNode {
  const read = useRoutine(params['routine'] ?? '')
  if (read.data === undefined)
    return (
      <Page title="Routine">
        {read.error === null ? <Skeleton lines={10} /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      </Page>
    )
  return <Shown answer={read.data} />
}

/** The acts that a status allows, the most likely first. */
const actsOf: Readonly<Record<RoutineDetail['status'], readonly StatusAct[]>> = {
  active: ['pause', 'archive'],
  paused: ['resume', 'archive'],
  archived: ['restore'],
}

const actWords: Readonly<Record<StatusAct, string>> = { pause: 'Pause', resume: 'Resume', archive: 'Archive', restore: 'Restore' }

function Shown({ answer }: { readonly answer: Answer<RoutineDetail> }): ReactNode {
  const routine = answer.data
  const [open, setOpen] = useState<StatusAct | 'run' | null>(null)
  const mayRun = routine.status !== 'archived' && routine.assigneeAgentId !== null
  const acts = actsOf[routine.status]
  useKeys(routine.title, [
    { keys: 'r', label: 'Run it now', run: () => mayRun && setOpen('run') },
    { keys: 'p', label: 'Pause or resume it', run: () => setOpen(acts[0] ?? null) },
  ])
  const onClose = (): void => setOpen(null)
  return (
    <Page
      title={routine.title}
      actions={
        <>
          {acts.map((act) => (
            <button key={act} type="button" className="secondary" onClick={() => setOpen(act)}>
              {actWords[act]}
            </button>
          ))}
          {mayRun && (
            <button type="button" title="Run it now (r)" onClick={() => setOpen('run')}>
              Run now
            </button>
          )}
        </>
      }
    >
      <RoutineFacts routine={routine} />
      <div className="routine-columns">
        <div className="stack">
          <Triggers routine={routine} />
          <Runs routineId={routine.id} />
        </div>
        <section aria-labelledby="fields">
          <h2 id="fields">What it makes</h2>
          <RoutineForm answer={answer} />
        </section>
      </div>
      {open === 'run' && <RunNow routine={routine} onClose={onClose} />}
      {open !== null && open !== 'run' && <StatusDialog act={open} routine={routine} onClose={onClose} />}
    </Page>
  )
}
