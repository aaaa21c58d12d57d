import type { ReactNode } from 'react'
import type { Agent } from '../api/types.ts'
import { Command } from '../parts/Command.tsx'
import { connectCommand } from './connectCommand.ts'

interface ConnectStepProps {
  readonly companyId: string
  readonly agent: Agent | null
  /** The key, while this page shows it. */
  readonly token: string | null
  readonly hasIssue: boolean
}

/** The command that connects the agent: a whole run, which this page sees when it begins. */
export function ConnectStep({ companyId, agent, token, hasIssue }: ConnectStepProps): ReactNode {
  if (agent === null) return <p className="soft">The command appears here when an agent is hired.</p>
  return (
    <>
      <p>
        Paste this into a shell where the agent lives; it needs curl and node. It opens a run, takes the next issue, comments on it, closes
        it, and ends the run.
        {!hasIssue && ' Write the issue first, so that there is one to take.'}
      </p>
      <Command
        name={`The command that connects ${agent.name}`}
        text={connectCommand({ origin: location.origin, companyId, agentId: agent.id, key: token })}
      />
      {token === null && <p className="soft">Put the key of the agent into the second line, or make one above.</p>}
      <p className="soft" role="status">
        ● Waiting for its first run. This page shows it by itself.
      </p>
    </>
  )
}
