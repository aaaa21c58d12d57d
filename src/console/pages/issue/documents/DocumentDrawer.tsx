import { useState } from 'react'
import type { ReactNode } from 'react'
import { useAct } from '../../../api/acts.ts'
import type { IssueDocument } from '../../../api/types.ts'
import { ActDialog } from '../../../parts/ActDialog.tsx'
import { Dialog } from '../../../parts/Dialog.tsx'
import { Skeleton } from '../../../parts/Empty.tsx'
import { notify } from '../../../parts/notices.tsx'
import { Problem } from '../../../parts/Problem.tsx'
import { Time } from '../../../parts/Time.tsx'
import { usePlace } from '../../../router/location.ts'
import { Author } from '../Author.tsx'
import { CHANGED, deleteDocument, useDocument } from '../data.ts'
import { IssueText } from '../IssueText.tsx'
import { documentAddress, tabOf } from './address.ts'
import type { DocumentTab } from './address.ts'
import { EditDocument } from './EditDocument.tsx'
import { History } from './History.tsx'

interface DocumentDrawerProps {
  readonly issueId: string
  readonly documentKey: string
}

const tabs: readonly { readonly tab: DocumentTab; readonly words: string }[] = [
  { tab: 'read', words: 'Read' },
  { tab: 'history', words: 'Revisions' },
  { tab: 'edit', words: 'Edit' },
]

/** One document beside its issue: its text, its revisions, its editing. */
export function DocumentDrawer({ issueId, documentKey }: DocumentDrawerProps): ReactNode {
  const read = useDocument(issueId, documentKey)
  const tab = tabOf(usePlace().query)
  const document = read.data?.data
  return (
    <Dialog title={document?.title ?? documentKey} kind="drawer" onClose={documentAddress.close}>
      <div className="document">
        {read.error !== null && <Problem problem={read.error} />}
        {document === undefined && read.error === null && <Skeleton lines={8} />}
        {document !== undefined && (
          <>
            <nav className="tabs" aria-label="Parts of the document">
              {tabs.map((one) => (
                <button
                  key={one.tab}
                  type="button"
                  className="quiet"
                  aria-current={one.tab === tab ? 'true' : undefined}
                  onClick={() => documentAddress.open(documentKey, one.tab)}
                >
                  {one.words}
                </button>
              ))}
            </nav>
            {tab === 'read' && <Reading document={document} />}
            {tab === 'history' && <History document={document} />}
            {tab === 'edit' && <EditDocument key={document.id} document={document} />}
          </>
        )}
      </div>
    </Dialog>
  )
}

function Reading({ document }: { readonly document: IssueDocument }): ReactNode {
  const { issueId, key, latestRevisionNumber, updatedAt, updatedByAgentId, updatedByUserId, body } = document
  const [isDeleting, setDeleting] = useState(false)
  const act = useAct([...CHANGED], () => deleteDocument(issueId, key))
  return (
    <>
      <p className="soft">
        <span className="mono">{key}</span>, revision {latestRevisionNumber}, written <Time at={updatedAt} /> by{' '}
        <Author of={{ agentId: updatedByAgentId, userId: updatedByUserId }} />
      </p>
      <IssueText text={body} isDocument />
      <p className="document-end">
        <button type="button" className="secondary danger" onClick={() => setDeleting(true)}>
          Delete the document
        </button>
      </p>
      {isDeleting && (
        <ActDialog
          title={`Delete the document ${key}`}
          confirm="Delete"
          isDangerous
          onClose={() => setDeleting(false)}
          act={async () => {
            await act.mutateAsync(undefined)
            documentAddress.close()
            notify(`The document ${key} is deleted.`)
          }}
        >
          <ul>
            <li>
              {latestRevisionNumber === 1 ? 'Its only revision is deleted.' : `All its ${latestRevisionNumber} revisions are deleted.`}
            </li>
            <li>Questions that ask about it expire.</li>
            <li>The audit rows of its changes stay.</li>
          </ul>
        </ActDialog>
      )}
    </>
  )
}
