import { useState } from 'react'
import type { ReactNode } from 'react'
import { useLifecycle } from '../../agentParts/acts.ts'
import { explaining, isQuarantined } from '../../agentParts/agentState.ts'
import { Ends } from '../../agentParts/Ends.tsx'
import { Meanwhile } from '../../agentParts/Meanwhile.tsx'
import { useStateActs } from '../../agentParts/reads.ts'
import type { Agent } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { TextField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { go } from '../../router/location.ts'
import { useDelete, useKeysOf, useRelease, useReset } from './data.ts'

export interface AgentDialogProps {
  /** The agent as it is now. */
  readonly agent: Agent
  readonly onClose: () => void
}

/** The keys of an agent that work now; null while they are read. */
function useWorkingKeys(agent: Agent): number | null {
  const keys = useKeysOf(agent).data?.data
  return keys?.filter(({ revokedAt }) => revokedAt === null).length ?? null
}

/** Quarantines an agent, after it has shown what that ends. */
export function QuarantineDialog({ agent, onClose }: AgentDialogProps): ReactNode {
  const quarantine = useLifecycle('quarantine', { companyId: agent.companyId, agentId: agent.id })
  const acts = useStateActs(agent.companyId, agent.id)
  const keys = useWorkingKeys(agent)
  const isDone = isQuarantined(agent) && !quarantine.isPending
  return (
    <ActDialog
      title={`Quarantine ${agent.name}`}
      confirm="Quarantine"
      reason="required"
      isDangerous
      isBlocked={isDone}
      onClose={onClose}
      act={async (reason) => {
        await quarantine.mutateAsync(reason)
        notify(`${agent.name} is in quarantine`)
      }}
    >
      {isDone && <Meanwhile act={explaining(agent, acts)} />}
      <p>
        The agent is cut off at once: it may not write, its streams end, its waiting wakes are closed. Until you end the quarantine it
        cannot be resumed and gets no key.
      </p>
      <Ends agentId={agent.id} keys={keys} />
    </ActDialog>
  )
}

/** Ends the quarantine of an agent. */
export function ReleaseDialog({ agent, onClose }: AgentDialogProps): ReactNode {
  const release = useRelease(agent)
  const isDone = !isQuarantined(agent) && !release.isPending
  return (
    <ActDialog
      title={`End the quarantine of ${agent.name}`}
      confirm="End the quarantine"
      isBlocked={isDone}
      onClose={onClose}
      act={async () => {
        await release.mutateAsync()
        notify(`${agent.name} is released from quarantine, and still paused`)
      }}
    >
      {isDone && <p className="note">The agent is not in quarantine any more. There is nothing left to do here.</p>}
      <p>Nothing comes back by itself: the agent stays paused, and its keys stay revoked. Resume it afterwards, and make a new key.</p>
    </ActDialog>
  )
}

/** Terminates an agent for good, after it has shown what that ends. */
export function TerminateDialog({ agent, onClose }: AgentDialogProps): ReactNode {
  const terminate = useLifecycle('terminate', { companyId: agent.companyId, agentId: agent.id })
  const acts = useStateActs(agent.companyId, agent.id)
  const keys = useWorkingKeys(agent)
  const pathOf = useCompanyPath()
  const isDone = agent.status === 'terminated' && !terminate.isPending
  return (
    <ActDialog
      title={`Terminate ${agent.name}`}
      confirm={`Terminate ${agent.name}`}
      reason="optional"
      isDangerous
      isBlocked={isDone}
      onClose={onClose}
      act={async (reason) => {
        await terminate.mutateAsync(reason)
        notify(`${agent.name} is terminated`)
        // A terminated agent has lost its short name.
        go(pathOf(`agents/${agent.id}`), { replaces: true })
      }}
    >
      {isDone && <Meanwhile act={explaining(agent, acts)} />}
      <p>
        <strong>This is final.</strong> A terminated agent never works again. Its history, its issues and its audit rows stay, and the
        requests about it that wait for a decision are cancelled.
      </p>
      <Ends agentId={agent.id} keys={keys} />
    </ActDialog>
  )
}

/** Deletes an agent with its runs. Its name has to be typed. */
export function DeleteDialog({ agent, onClose }: AgentDialogProps): ReactNode {
  const remove = useDelete(agent)
  const pathOf = useCompanyPath()
  const [typed, setTyped] = useState('')
  return (
    <ActDialog
      title={`Delete ${agent.name}`}
      confirm={`Delete ${agent.name}`}
      isDangerous
      isBlocked={typed.trim() !== agent.name}
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync()
        notify(`${agent.name} is deleted`)
        go(pathOf('agents'), { replaces: true })
      }}
    >
      <p>
        <strong>This is final.</strong> The agent, its runs with their logs, its keys, its sessions and its revisions are deleted. Its
        issues become free, its reports have no manager, its audit rows stay.
      </p>
      <Ends agentId={agent.id} />
      <TextField label={`Type the name of the agent: ${agent.name}`} value={typed} onChange={setTyped} isFirst />
    </ActDialog>
  )
}

/** Forgets the sessions of an agent: of one task, or all. */
export function ResetDialog({
  agent,
  task,
  onClose,
}: AgentDialogProps & { readonly task: { readonly key: string; readonly label: string } | null }): ReactNode {
  const reset = useReset(agent)
  return (
    <ActDialog
      title={task === null ? 'Reset all sessions' : `Reset the session of ${task.label}`}
      confirm="Reset"
      isDangerous
      onClose={onClose}
      act={async () => {
        const count = await reset.mutateAsync(task?.key ?? null)
        notify(`${count} ${count === 1 ? 'session is' : 'sessions are'} forgotten`)
      }}
    >
      <p>
        The next run {task === null ? 'of each task' : 'of this task'} begins a new session and does not remember the last one. A run that
        is at work goes on.
      </p>
    </ActDialog>
  )
}
