import type { ReactNode } from 'react'
import type { TabProps } from './tab.ts'

/** The acts that are final, each with what it does. */
export function EndSection({ agent, onOpen }: TabProps): ReactNode {
  return (
    <section className="agent-end">
      <h2>End the agent</h2>
      {agent.status !== 'terminated' && (
        <div>
          <p>
            <strong>Terminate.</strong> It never works again, its runs end, its keys are revoked. Its history stays.
          </p>
          <button type="button" className="secondary danger" onClick={() => onOpen('terminate')}>
            Terminate
          </button>
        </div>
      )}
      <div>
        <p>
          <strong>Delete.</strong> The agent, its runs, their logs and its keys are gone. Only its audit rows stay.
        </p>
        <button type="button" className="secondary danger" onClick={() => onOpen('delete')}>
          Delete
        </button>
      </div>
    </section>
  )
}
