import type { ReactNode } from 'react'
import { useAct } from '../../api/acts.ts'
import type { Answer } from '../../api/client.ts'
import type { IssueDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { go } from '../../router/location.ts'
import { CHANGED, deleteIssue, useAttachments, useChildren } from './data.ts'

interface DeleteIssueProps {
  readonly issue: Answer<IssueDetail>
  readonly onClose: () => void
}

const counted = (count: number, one: string, many: string): string => (count === 1 ? `one ${one}` : `${count} ${many}`)

/** The effects of a deletion, in sentences. */
function Effects({ issue }: { readonly issue: IssueDetail }): ReactNode {
  const children = useChildren(issue.id).data?.data.length ?? 0
  const files = useAttachments(issue.id).rows.length
  const documents = issue.documentSummaries.length
  const isHeld = issue.executionRunId !== null || issue.checkoutRunId !== null
  return (
    <ul>
      <li>
        Its comments, its questions, {counted(documents, 'document', 'documents')} and {counted(files, 'file', 'files')} are deleted. This
        cannot be undone.
      </li>
      {isHeld && <li>The run that holds it goes on without the hold, and its next write to the issue fails.</li>}
      <li>Runs that wait for it are cancelled.</li>
      {children > 0 && <li>{counted(children, 'child stays', 'children stay')}, without a parent.</li>}
      {issue.blocks.length > 0 && <li>{issue.blocks.map(({ identifier }) => identifier).join(', ')} does not wait for it any more.</li>}
      <li>Its audit rows stay.</li>
    </ul>
  )
}

/** The dialog before an issue is deleted. */
export function DeleteIssue({ issue, onClose }: DeleteIssueProps): ReactNode {
  const pathOf = useCompanyPath()
  const { id, identifier, title } = issue.data
  const act = useAct(
    CHANGED.filter((noun) => noun !== 'issue'),
    () => deleteIssue(id, issue.etag),
  )
  return (
    <ActDialog
      title={`Delete ${identifier}`}
      confirm={`Delete ${identifier}`}
      isDangerous
      onClose={onClose}
      act={async () => {
        await act.mutateAsync(undefined)
        notify(`${identifier} is deleted.`)
        go(pathOf('issues'))
      }}
    >
      <p>
        <q>{title}</q>
      </p>
      <Effects issue={issue.data} />
    </ActDialog>
  )
}
