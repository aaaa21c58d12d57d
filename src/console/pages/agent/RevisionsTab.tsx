import { useState } from 'react'
import type { ReactNode } from 'react'
import type { AgentDetail } from '../../agentParts/reads.ts'
import type { AgentRevision } from '../../api/types.ts'
import { Author } from './Author.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Time } from '../../parts/Time.tsx'
import { setQuery, usePlace } from '../../router/location.ts'
import { jsonText, TextDiff } from '../../texts/TextDiff.tsx'
import { useRevisions, useRollBack } from './data.ts'

const shortOf = (id: string | null): string => (id === null ? '' : id.slice(0, 8))

/** The changes of the configuration, newest first, each with its difference, and the way back to it. */
export function RevisionsTab({ agent }: { readonly agent: AgentDetail }): ReactNode {
  const { rows, isLoading, problem, hasMore, loadMore } = useRevisions(agent)
  const [target, setTarget] = useState<AgentRevision | null>(null)
  const [newest] = rows
  if (problem !== null) return <Problem problem={problem} />
  if (isLoading) return <Skeleton lines={6} />
  return (
    <section>
      <h2>Revisions</h2>
      {newest === undefined && (
        <Empty title="The configuration was never changed.">Each change is kept here, with its difference and its author.</Empty>
      )}
      <ol className="agent-revisions">
        {rows.map((revision) => (
          <RevisionLine
            key={revision.id}
            revision={revision}
            isNewest={revision === newest}
            mayRollBack={revision !== newest && agent.status !== 'terminated'}
            onRollBack={() => setTarget(revision)}
          />
        ))}
      </ol>
      {hasMore && (
        <button type="button" className="secondary" onClick={loadMore}>
          Older revisions
        </button>
      )}
      {target !== null && newest !== undefined && (
        <RollBackDialog agent={agent} target={target} newest={newest} onClose={() => setTarget(null)} />
      )}
    </section>
  )
}

interface RevisionLineProps {
  readonly revision: AgentRevision
  readonly isNewest: boolean
  readonly mayRollBack: boolean
  readonly onRollBack: () => void
}

function RevisionLine({ revision, isNewest, mayRollBack, onRollBack }: RevisionLineProps): ReactNode {
  const isOpen = usePlace().query.get('revision') === revision.id
  const { id, createdAt, changedKeys, source, rolledBackFromRevisionId, beforeConfig, afterConfig } = revision
  return (
    <li>
      <div className="agent-revision-head">
        <button
          type="button"
          className="quiet revision-name"
          aria-expanded={isOpen}
          onClick={() => setQuery({ revision: isOpen ? null : id })}
        >
          <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> <span className="mono">{shortOf(id)}</span>
          <span className="hidden">, the difference</span>
        </button>
        <span className="agent-line-main">
          <strong>
            <Author revision={revision} />
          </strong>{' '}
          {source === 'rollback' ? `rolled back to ${shortOf(rolledBackFromRevisionId)}: ` : 'changed '}
          {changedKeys.join(', ')}
        </span>
        <span className="soft">
          {isNewest && 'present · '}
          <Time at={createdAt} />
        </span>
        {mayRollBack && (
          <button type="button" className="secondary" aria-label={`Roll back to ${shortOf(id)}`} onClick={onRollBack}>
            Roll back
          </button>
        )}
      </div>
      {isOpen && <TextDiff name={`The difference of ${shortOf(id)}`} before={jsonText(beforeConfig)} after={jsonText(afterConfig)} />}
    </li>
  )
}

interface RollBackDialogProps {
  readonly agent: AgentDetail
  readonly target: AgentRevision
  /** The present state. */
  readonly newest: AgentRevision
  readonly onClose: () => void
}

function RollBackDialog({ agent, target, newest, onClose }: RollBackDialogProps): ReactNode {
  const rollBack = useRollBack(agent)
  // The newest that the reader has seen: another one that comes meanwhile changes what the rollback would do.
  const [seen] = useState(newest)
  const isMoved = seen.id !== newest.id && !rollBack.isPending
  return (
    <ActDialog
      title={`Roll back to ${shortOf(target.id)}`}
      confirm="Roll back"
      isDangerous
      onClose={onClose}
      act={async () => {
        await rollBack.mutateAsync({ revisionId: target.id, newestId: newest.id })
        notify(`The configuration of ${agent.name} is that of ${shortOf(target.id)} again`)
      }}
    >
      {isMoved && (
        <p className="note" role="status">
          <strong>
            <Author revision={newest} />
          </strong>{' '}
          changed {newest.changedKeys.join(', ')} <Time at={newest.createdAt} />, while this dialog was open. The difference below is the
          new one.
        </p>
      )}
      <p>
        The configuration becomes what it was after <span className="mono">{shortOf(target.id)}</span>, as a new revision. This is what
        changes now; a covered value that differs is not shown.
      </p>
      <TextDiff name="What the rollback changes" before={jsonText(newest.afterConfig)} after={jsonText(target.afterConfig)} />
    </ActDialog>
  )
}
