import type { ReactNode } from 'react'
import { useAct } from '../api/acts.ts'
import { request } from '../api/client.ts'
import type { JoinRequest } from '../api/types.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { notify } from '../parts/notices.tsx'
import { Fact, Facts } from '../parts/Facts.tsx'
import { Problem } from '../parts/Problem.tsx'
import { Time } from '../parts/Time.tsx'

/** The name of the one who asks to join. */
export const nameOfRequest = ({ agentName, requestEmailSnapshot, requestType }: JoinRequest): string =>
  agentName ?? requestEmailSnapshot ?? (requestType === 'agent' ? 'An agent' : 'A person')

interface JoinDecisionProps {
  readonly joinRequest: JoinRequest
  readonly onClose: () => void
}

/** The decision about a request to join: what is known of who asks, and what each answer does. */
export function JoinDecision({ joinRequest, onClose }: JoinDecisionProps): ReactNode {
  const { id, companyId, requestType, requestIp, createdAt, adapterType, capabilities, agentDefaultsPayload } = joinRequest
  const name = nameOfRequest(joinRequest)
  const decide = useAct(['joinRequests', 'members', 'agents', 'figures'], (decision: 'approve' | 'reject') =>
    request('POST', `/companies/${companyId}/join-requests/${id}/${decision}`),
  )
  const act = (decision: 'approve' | 'reject'): void =>
    decide.mutate(decision, {
      onSuccess: () => {
        notify(decision === 'approve' ? `${name} has joined` : `The request of ${name} is rejected`)
        onClose()
      },
    })
  const isAgent = requestType === 'agent'
  return (
    <Dialog title={`${name} asks to join`} onClose={onClose}>
      <Facts>
        <Fact name="Kind">{isAgent ? `An agent${adapterType === null ? '' : `, with the adapter ${adapterType}`}` : 'A person'}</Fact>
        <Fact name="Asked">
          <Time at={createdAt} /> from {requestIp}
        </Fact>
        {capabilities !== null && <Fact name="Says of itself">{capabilities}</Fact>}
      </Facts>
      {agentDefaultsPayload !== null && <pre>{JSON.stringify(agentDefaultsPayload, null, 2)}</pre>}
      <ul>
        <li>
          <strong>Approve</strong>{' '}
          {isAgent
            ? 'hires the agent, below the CEO. It then takes its key by itself, once.'
            : 'makes the person a member with the role of the invitation.'}
        </li>
        <li>
          <strong>Reject</strong> closes the request. The invitation is used up; another one can be made.
        </li>
      </ul>
      {decide.error !== null && <Problem problem={decide.error} />}
      <footer>
        <button type="button" className="secondary" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="secondary" disabled={decide.isPending} onClick={() => act('reject')}>
          Reject
        </button>
        <button type="button" disabled={decide.isPending} onClick={() => act('approve')}>
          Approve
        </button>
      </footer>
    </Dialog>
  )
}
