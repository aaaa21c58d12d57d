import { useState } from 'react'
import type { ReactNode } from 'react'
import type { IssueDetail, IssueDocument } from '../../../api/types.ts'
import { Time } from '../../../parts/Time.tsx'
import { usePlace } from '../../../router/location.ts'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { Author } from '../Author.tsx'
import { documentAddress } from './address.ts'
import { DocumentDrawer } from './DocumentDrawer.tsx'
import { NewDocument } from './NewDocument.tsx'

/** The fields of a document that the page of its issue has. */
type Summary = Omit<IssueDocument, 'body'>

/** The documents of an issue as cards. */
export function Documents({ issue }: { readonly issue: IssueDetail }): ReactNode {
  const [isCreating, setCreating] = useState(false)
  const open = usePlace().query.get('document')
  const documents = issue.documentSummaries as unknown as readonly Summary[]
  return (
    <section aria-label="Documents">
      <header className="section-head">
        <h2>Documents</h2>
        <button type="button" className="secondary" onClick={() => setCreating(true)}>
          Write a document
        </button>
      </header>
      {documents.length === 0 ? (
        <p className="soft">There is none. Agents keep plans and results here, with every revision.</p>
      ) : (
        <ul className="documents">
          {documents.map((document) => (
            <li key={document.id}>
              <DocumentCard document={document} />
            </li>
          ))}
        </ul>
      )}
      {open !== null && <DocumentDrawer key={open} issueId={issue.id} documentKey={open} />}
      {isCreating && <NewDocument issueId={issue.id} onClose={() => setCreating(false)} />}
    </section>
  )
}

function DocumentCard({ document }: { readonly document: Summary }): ReactNode {
  const { key, title, latestRevisionNumber, updatedAt, updatedByAgentId, updatedByUserId } = document
  return (
    <div className="card document-card">
      <button type="button" className="link" onClick={() => documentAddress.open(key, 'read')}>
        <VisibleText text={title ?? key} />
      </button>
      <p className="soft">
        <span className="mono">{key}</span>, revision {latestRevisionNumber}
      </p>
      <p className="soft">
        <Time at={updatedAt} /> by <Author of={{ agentId: updatedByAgentId, userId: updatedByUserId }} />
      </p>
    </div>
  )
}
