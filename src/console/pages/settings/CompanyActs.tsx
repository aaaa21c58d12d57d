import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Company } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { useArchiveCompany, useChangeCompany, useCompanyCounts } from './data.ts'
import { DeleteCompany } from './DeleteCompany.tsx'

type Act = 'pause' | 'resume' | 'archive' | 'restore' | 'delete'

interface CompanyActsProps {
  readonly company: Company
  readonly etag: string | null
}

/** The acts that stop, end and restore a company. Each says first what it does. */
export function CompanyActs({ company, etag }: CompanyActsProps): ReactNode {
  const [act, setAct] = useState<Act | null>(null)
  const { status, pausedAt, pauseReason } = company
  const close = (): void => setAct(null)
  return (
    <section aria-labelledby="state">
      <h2 id="state">State</h2>
      <div className="card stack">
        <p>
          <Status of={status} tone={status === 'active' ? 'good' : status === 'paused' ? 'warn' : 'quiet'} />
          {pausedAt !== null && (
            <span className="soft">
              {' '}
              since <Time at={pausedAt} />
              {pauseReason !== null && `: ${pauseReason}`}
            </span>
          )}
        </p>
        <ul className="acts">
          {actsOf[status].map((name) => (
            <li key={name}>
              <button type="button" className={name === 'delete' ? 'secondary danger' : 'secondary'} onClick={() => setAct(name)}>
                {actWords[name].button}
              </button>
              <p className="soft">{actWords[name].hint}</p>
            </li>
          ))}
        </ul>
      </div>
      {(act === 'pause' || act === 'resume' || act === 'restore') && (
        <StatusDialog act={act} company={company} etag={etag} onClose={close} />
      )}
      {act === 'archive' && <ArchiveDialog company={company} onClose={close} />}
      {act === 'delete' && <DeleteCompany company={company} onClose={close} />}
    </section>
  )
}

const actsOf: Readonly<Record<Company['status'], readonly Act[]>> = {
  active: ['pause', 'archive', 'delete'],
  paused: ['resume', 'archive', 'delete'],
  archived: ['restore', 'delete'],
}

const actWords: Readonly<Record<Act, { readonly button: string; readonly hint: string }>> = {
  pause: { button: 'Pause the company', hint: 'No new run begins; those at work finish.' },
  resume: { button: 'Resume the company', hint: 'Its agents are woken again.' },
  archive: { button: 'Archive the company', hint: 'Its runs end, and its agents write nothing more. It can be restored.' },
  restore: { button: 'Restore the company', hint: 'It is active again, with all that it had.' },
  delete: { button: 'Delete the company', hint: 'Everything in it is erased. Only the audit log stays.' },
}

const statusActs = {
  pause: {
    status: 'paused',
    verb: 'Pause',
    done: 'is paused',
    what: 'No agent of the company starts a run until it is resumed. Runs that are at work finish.',
  },
  resume: { status: 'active', verb: 'Resume', done: 'is active', what: 'Agents of the company start runs again: those that wait first.' },
  restore: {
    status: 'active',
    verb: 'Restore',
    done: 'is restored',
    what: 'The company is active again. Its agents have the statuses that they had; its runs do not come back.',
  },
} as const

interface StatusDialogProps extends CompanyActsProps {
  readonly act: keyof typeof statusActs
  readonly onClose: () => void
}

function StatusDialog({ act, company, etag, onClose }: StatusDialogProps): ReactNode {
  const change = useChangeCompany()
  const { status, verb, done, what } = statusActs[act]
  return (
    <ActDialog
      title={`${verb} ${company.name}`}
      confirm={`${verb} ${company.name}`}
      reason="optional"
      onClose={onClose}
      act={async (reason) => {
        await change.mutateAsync({ fields: { status, ...(reason === '' ? {} : { reason }) }, etag })
        notify(`${company.name} ${done}`)
      }}
    >
      <p>{what}</p>
    </ActDialog>
  )
}

function ArchiveDialog({ company, onClose }: { readonly company: Company; readonly onClose: () => void }): ReactNode {
  const archive = useArchiveCompany()
  const counts = useCompanyCounts()
  return (
    <ActDialog
      title={`Archive ${company.name}`}
      confirm={`Archive ${company.name}`}
      reason="optional"
      isDangerous
      onClose={onClose}
      act={async (reason) => {
        await archive.mutateAsync(reason)
        notify(`${company.name} is archived`)
      }}
    >
      <ul>
        <li>{counts === null ? 'Its live runs are cancelled' : `${counts.liveRuns} live runs are cancelled`}, and their holds end.</li>
        <li>Its agents can read but not write, and none is woken.</li>
        <li>Issues, members and the audit log stay as they are. An owner can restore it.</li>
      </ul>
    </ActDialog>
  )
}
