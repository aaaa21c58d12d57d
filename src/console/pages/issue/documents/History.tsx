import { useState } from 'react'
import type { ReactNode } from 'react'
import { useAct } from '../../../api/acts.ts'
import type { DocumentRevision, IssueDocument } from '../../../api/types.ts'
import { ActDialog } from '../../../parts/ActDialog.tsx'
import { Skeleton } from '../../../parts/Empty.tsx'
import { SelectField } from '../../../parts/fields.tsx'
import { notify } from '../../../parts/notices.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Time } from '../../../parts/Time.tsx'
import { usePlace } from '../../../router/location.ts'
import { TextDiff } from '../../../texts/TextDiff.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { Author, creatorOf } from '../Author.tsx'
import { CHANGED, restoreRevision, useRevisions } from '../data.ts'
import { documentAddress } from './address.ts'

/** The revisions of a document, newest first, and the difference of two of them. */
export function History({ document }: { readonly document: IssueDocument }): ReactNode {
  const { rows, isLoading, problem, hasMore, loadMore } = useRevisions(document.issueId, document.key)
  const [restored, setRestored] = useState<DocumentRevision | null>(null)
  if (problem !== null) return <Problem problem={problem} />
  if (isLoading) return <Skeleton lines={4} />
  return (
    <>
      {rows.length > 1 && <Comparison rows={rows} />}
      <ol className="revisions" aria-label="Revisions">
        {rows.map((revision) => (
          <li key={revision.id}>
            <Revision revision={revision} isLatest={revision.id === document.latestRevisionId} onRestore={() => setRestored(revision)} />
          </li>
        ))}
      </ol>
      {hasMore && (
        <button type="button" className="secondary" onClick={loadMore}>
          Show older revisions
        </button>
      )}
      {restored !== null && <Restore document={document} revision={restored} onClose={() => setRestored(null)} />}
    </>
  )
}

interface RevisionProps {
  readonly revision: DocumentRevision
  readonly isLatest: boolean
  readonly onRestore: () => void
}

function Revision({ revision, isLatest, onRestore }: RevisionProps): ReactNode {
  const { revisionNumber, createdAt, changeSummary } = revision
  return (
    <>
      <span>
        <strong>Revision {revisionNumber}</strong> by <Author of={creatorOf(revision)} />{' '}
        <span className="soft">
          <Time at={createdAt} />
        </span>
        {changeSummary !== null && (
          <>
            : <VisibleText text={changeSummary} />
          </>
        )}
      </span>
      {isLatest ? (
        <span className="soft">the present one</span>
      ) : (
        <button type="button" className="secondary" aria-label={`Restore revision ${revisionNumber}`} onClick={onRestore}>
          Restore
        </button>
      )}
    </>
  )
}

/** The revision of a number, among those that are read. */
const numbered = (rows: readonly DocumentRevision[], given: string | null, otherwise: number): DocumentRevision | undefined =>
  rows.find(({ revisionNumber }) => String(revisionNumber) === given) ?? rows[otherwise]

function Comparison({ rows }: { readonly rows: readonly DocumentRevision[] }): ReactNode {
  const { query } = usePlace()
  const from = numbered(rows, query.get('from'), 1)
  const to = numbered(rows, query.get('to'), 0)
  const choices = rows.map(({ revisionNumber }) => ({ value: String(revisionNumber), label: `Revision ${revisionNumber}` }))
  if (from === undefined || to === undefined) return null
  return (
    <>
      <div className="compared">
        <SelectField
          label="From"
          value={String(from.revisionNumber)}
          choices={choices}
          onChange={(value) => documentAddress.compare(Number(value), to.revisionNumber)}
        />
        <SelectField
          label="To"
          value={String(to.revisionNumber)}
          choices={choices}
          onChange={(value) => documentAddress.compare(from.revisionNumber, Number(value))}
        />
      </div>
      {from.title !== to.title && (
        <p>
          The title changed from <q>{from.title ?? ''}</q> to <q>{to.title ?? ''}</q>.
        </p>
      )}
      <TextDiff name={`Revision ${from.revisionNumber} and revision ${to.revisionNumber}`} before={from.body} after={to.body} />
    </>
  )
}

interface RestoreProps {
  readonly document: IssueDocument
  readonly revision: DocumentRevision
  readonly onClose: () => void
}

function Restore({ document, revision, onClose }: RestoreProps): ReactNode {
  const { issueId, key, latestRevisionNumber } = document
  const act = useAct([...CHANGED], () => restoreRevision(issueId, key, revision.id))
  return (
    <ActDialog
      title={`Restore revision ${revision.revisionNumber}`}
      confirm="Restore"
      onClose={onClose}
      act={async () => {
        const { data } = await act.mutateAsync(undefined)
        notify(`Revision ${revision.revisionNumber} is restored as revision ${data.latestRevisionNumber}.`)
      }}
    >
      <p>
        The text of revision {revision.revisionNumber} becomes a new revision, after revision {latestRevisionNumber}. No revision is lost.
        Questions that ask about the present one expire.
      </p>
    </ActDialog>
  )
}
