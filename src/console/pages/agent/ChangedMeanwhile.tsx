import type { ReactNode } from 'react'
import type { AgentDetail } from '../../agentParts/reads.ts'
import type { AgentRevision } from '../../api/types.ts'
import { Time } from '../../parts/Time.tsx'
import { jsonText, TextDiff } from '../../texts/TextDiff.tsx'
import { Author } from './Author.tsx'

interface ChangedMeanwhileProps {
  readonly agent: AgentDetail
  /** The change of the other. */
  readonly revision: AgentRevision | null
  readonly onKeep: () => void
  readonly onDiscard: () => void
}

/** Says who changed the configuration while a person was typing, and what; nothing that was typed is lost. */
export function ChangedMeanwhile({ agent, revision, onKeep, onDiscard }: ChangedMeanwhileProps): ReactNode {
  return (
    <div className="note" role="alert">
      <p>
        {revision === null ? (
          `The configuration of ${agent.name} was changed meanwhile.`
        ) : (
          <>
            <strong>
              <Author revision={revision} />
            </strong>{' '}
            changed {revision.changedKeys.join(', ')} <Time at={revision.createdAt} />, while you were typing.
          </>
        )}
      </p>
      {revision !== null && (
        <TextDiff name="The other change" before={jsonText(revision.beforeConfig)} after={jsonText(revision.afterConfig)} />
      )}
      <p className="row">
        <button type="button" className="secondary" onClick={onKeep}>
          Keep my changes on top of it
        </button>
        <button type="button" className="secondary" onClick={onDiscard}>
          Forget my changes
        </button>
      </p>
    </div>
  )
}
