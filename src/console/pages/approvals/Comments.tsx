import { useId, useState } from 'react'
import type { ReactNode } from 'react'
import { newKey } from '../../api/idempotency.ts'
import type { ApprovalDetail } from '../../api/types.ts'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import type { NameOf } from '../activity/sentences.ts'
import { useAddComment, useComments, useLinkedIssues } from './data.ts'
import { useDraftText } from './drafts.ts'
import { Requester } from './Requester.tsx'
import { Written } from './written.tsx'

interface CommentsProps {
  readonly approval: ApprovalDetail
  readonly nameOf: NameOf
}

/** The comments on an approval, oldest first, and a field for another one. */
export function Comments({ approval, nameOf }: CommentsProps): ReactNode {
  const { id: companyId } = useCompany()
  const { rows, problem, hasMore, loadMore } = useComments(companyId, approval.id)
  const [text, setText] = useDraftText(`comment ${approval.id}`)
  const [key, setKey] = useState(newKey)
  const field = useId()
  const add = useAddComment(approval.id)
  return (
    <section aria-label="Comments">
      <h3>Comments</h3>
      {problem !== null && <Problem problem={problem} />}
      <ol className="comments">
        {rows.map((comment) => (
          <li key={comment.id}>
            <p className="soft">
              <Requester agentId={comment.authorAgentId} userId={comment.authorUserId} nameOf={nameOf} />, <Time at={comment.createdAt} />
            </p>
            <Written text={comment.body} />
          </li>
        ))}
      </ol>
      {hasMore && (
        <button type="button" className="secondary" onClick={loadMore}>
          Load more
        </button>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const done = (): void => {
            setText('')
            setKey(newKey())
          }
          add.mutate({ body: text.trim(), idempotencyKey: key }, { onSuccess: done })
        }}
      >
        <div className="field">
          <label htmlFor={field}>Comment</label>
          <textarea id={field} rows={2} required maxLength={20_000} value={text} onChange={({ target }) => setText(target.value)} />
        </div>
        {add.error !== null && <Problem problem={add.error} />}
        <button type="submit" className="secondary" disabled={add.isPending || text.trim() === ''}>
          Add the comment
        </button>
      </form>
    </section>
  )
}

/** The issues that an approval is about. */
export function LinkedIssues({ id }: { readonly id: string }): ReactNode {
  const { id: companyId } = useCompany()
  const pathOf = useCompanyPath()
  const { rows } = useLinkedIssues(companyId, id)
  if (rows.length === 0) return null
  return (
    <section aria-label="Issues">
      <h3>Issues</h3>
      <ul className="linked">
        {rows.map((issue) => (
          <li key={issue.id}>
            <Link to={pathOf(`issues/${issue.identifier}`)} className="mono">
              {issue.identifier}
            </Link>{' '}
            <VisibleText text={issue.title} /> <Status of={issue.status} />
          </li>
        ))}
      </ul>
    </section>
  )
}
