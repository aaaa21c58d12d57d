import { memo } from 'react'
import type { ReactNode } from 'react'
import type { Comment } from '../../../api/types.ts'
import { useCompanyPath } from '../../../frame/company.tsx'
import { Time } from '../../../parts/Time.tsx'
import { Link } from '../../../router/Link.tsx'
import { Author } from '../Author.tsx'
import { Folded } from '../Head.tsx'
import { IssueText } from '../IssueText.tsx'

/** One comment: its author, the run that wrote it, its time as a link to it, and its text. */
export const CommentCard = memo(function CommentCard({ comment }: { readonly comment: Comment }): ReactNode {
  const { id, authorAgentId, authorUserId, createdByRunId, createdAt, body, issueId } = comment
  const pathOf = useCompanyPath()
  return (
    <article className="card comment" id={`comment-${id}`} aria-label="Comment">
      <header>
        <Author of={{ agentId: authorAgentId, userId: authorUserId }} begins />
        {createdByRunId !== null && (
          <Link className="soft" to={pathOf(`runs/${createdByRunId}`)}>
            with run <span className="mono">{createdByRunId.slice(0, 8)}</span>
          </Link>
        )}
        <Link className="soft when" to={pathOf(`issues/${issueId}?comment=${id}`)}>
          <Time at={createdAt} />
        </Link>
      </header>
      <Folded text={body}>
        <IssueText text={body} />
      </Folded>
    </article>
  )
})
