import { useState } from 'react'
import type { ReactNode } from 'react'
import { useRead } from '../api/reads.ts'
import type { Agent, ListedIssue } from '../api/types.ts'
import { useCompany } from '../frame/company.tsx'
import { ActDialog } from '../parts/ActDialog.tsx'
import { CheckField, SelectField, TextField } from '../parts/fields.tsx'
import { notify } from '../parts/notices.tsx'
import { useWake } from './acts.ts'

/** Wakes an agent now, with a reason, for one of its issues or for none in particular. */
export function WakeDialog({ agent, onClose }: { readonly agent: Agent; readonly onClose: () => void }): ReactNode {
  const company = useCompany()
  const wake = useWake(agent.id)
  const [reason, setReason] = useState('')
  const [issueId, setIssueId] = useState('')
  const [isFresh, setFresh] = useState(false)
  const issues = useRead<ListedIssue[]>(['issues', company.id, agent.id, 'own'], `/companies/${company.id}/issues`, {
    query: { assigneeAgentId: agent.id, status: 'todo,in_progress,in_review,blocked', limit: 100 },
  }).data?.data
  return (
    <ActDialog
      title={`Wake ${agent.name} now`}
      confirm="Wake"
      onClose={onClose}
      act={async () => notify(`${agent.name}: ${await wake.mutateAsync({ reason: reason.trim(), issueId, isFresh })}`)}
    >
      <TextField
        label="Reason"
        value={reason}
        onChange={setReason}
        isFirst
        maxLength={200}
        hint="The agent reads it as the reason of its run. Without one the run says that a person asked for it."
      />
      <SelectField
        label="For the issue"
        value={issueId}
        onChange={setIssueId}
        none="No issue in particular"
        choices={(issues ?? []).map(({ id, identifier, title }) => ({ value: id, label: `${identifier} ${title}` }))}
      />
      <CheckField label="Begin a new session, and do not continue the last one" value={isFresh} onChange={setFresh} />
      {issueId !== '' && <p className="soft">A run of the agent for this issue that is queued or running already covers the request.</p>}
    </ActDialog>
  )
}
