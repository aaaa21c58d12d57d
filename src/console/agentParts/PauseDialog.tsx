import type { ReactNode } from 'react'
import type { Agent } from '../api/types.ts'
import { useCompany } from '../frame/company.tsx'
import { ActDialog } from '../parts/ActDialog.tsx'
import { notify } from '../parts/notices.tsx'
import { useLifecycle } from './acts.ts'
import { explaining } from './agentState.ts'
import { Ends } from './Ends.tsx'
import { Meanwhile } from './Meanwhile.tsx'
import { useAgent, useStateActs } from './reads.ts'

interface AgentDialogProps {
  readonly agent: Agent
  readonly onClose: () => void
}

/** Pauses an agent, after it has shown what that ends. */
export function PauseDialog({ agent, onClose }: AgentDialogProps): ReactNode {
  const company = useCompany()
  const pause = useLifecycle('pause', { companyId: company.id, agentId: agent.id })
  const present = useAgent(company.id, agent.id).data?.data ?? agent
  const acts = useStateActs(company.id, agent.id)
  const isPaused = present.status === 'paused'
  return (
    <ActDialog
      title={`Pause ${agent.name}`}
      confirm="Pause"
      reason="optional"
      isBlocked={isPaused && !pause.isPending}
      onClose={onClose}
      act={async (reason) => {
        await pause.mutateAsync(reason)
        notify(`${agent.name} is paused`)
      }}
    >
      {isPaused && !pause.isPending && <Meanwhile act={explaining(present, acts)} />}
      <p>Until it is resumed, the agent starts no run and may not write. Wakes that come meanwhile wait.</p>
      <Ends agentId={agent.id} />
    </ActDialog>
  )
}

/** Resumes a paused agent. */
export function ResumeDialog({ agent, onClose }: AgentDialogProps): ReactNode {
  const company = useCompany()
  const resume = useLifecycle('resume', { companyId: company.id, agentId: agent.id })
  const present = useAgent(company.id, agent.id).data?.data ?? agent
  const acts = useStateActs(company.id, agent.id)
  const isResumed = present.status !== 'paused' && !resume.isPending
  return (
    <ActDialog
      title={`Resume ${agent.name}`}
      confirm="Resume"
      reason="optional"
      isBlocked={isResumed}
      onClose={onClose}
      act={async (reason) => {
        await resume.mutateAsync(reason)
        notify(`${agent.name} is resumed`)
      }}
    >
      {isResumed && <Meanwhile act={acts.find(({ action }) => action === 'agent.resumed')} />}
      <p>
        It is woken once for each issue that waits for it: those that the pause took from it, and those that were assigned or commented on
        meanwhile.
      </p>
    </ActDialog>
  )
}
