import { useState } from 'react'
import type { ReactNode } from 'react'
import type { AgentDetail } from '../../agentParts/reads.ts'
import { Time } from '../../parts/Time.tsx'
import { IssueLink } from '../runs/links.tsx'
import { useSessions } from './data.ts'
import { ResetDialog } from './dialogs.tsx'

const ISSUE_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The words for a task: its issue, its name, or everything else. */
const taskLabel = (taskKey: string): string =>
  taskKey === 'agent' ? 'no issue in particular' : ISSUE_ID.test(taskKey) ? 'this issue' : taskKey

/** The sessions that the next runs go on with, and their reset. */
export function SessionsSection({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const sessions = useSessions(agent).data?.data ?? []
  const [asked, setAsked] = useState<{ readonly taskKey: string | null } | null>(null)
  if (sessions.length === 0) return null
  return (
    <section>
      <h2>Sessions</h2>
      <p className="soft">The next run of each of these tasks goes on with its session.</p>
      <ul className="agent-lines">
        {sessions.map(({ id, taskKey, sessionDisplayId, updatedAt }) => (
          <li key={id}>
            <span className="agent-line-main">{ISSUE_ID.test(taskKey) ? <IssueLink issueId={taskKey} /> : taskLabel(taskKey)}</span>
            <span className="soft">
              <span className="mono">{sessionDisplayId}</span> · used <Time at={updatedAt} />
            </span>
            <button
              type="button"
              className="quiet"
              aria-label={`Reset the session of ${taskLabel(taskKey)}`}
              onClick={() => setAsked({ taskKey })}
            >
              Reset
            </button>
          </li>
        ))}
      </ul>
      <button type="button" className="secondary" onClick={() => setAsked({ taskKey: null })}>
        Reset all sessions
      </button>
      {asked !== null && (
        <ResetDialog
          agent={agent}
          task={asked.taskKey === null ? null : { key: asked.taskKey, label: taskLabel(asked.taskKey) }}
          onClose={() => setAsked(null)}
        />
      )}
    </section>
  )
}
