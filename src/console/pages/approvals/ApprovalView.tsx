import { useCallback } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { ApprovalDetail } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { escapeHidden } from '../../texts/hiddenCharacters.ts'
import { Json } from '../../texts/Json.tsx'
import { jsonText, TextDiff } from '../../texts/TextDiff.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { useNames } from '../activity/names.ts'
import type { NameOf } from '../activity/sentences.ts'
import { BudgetCard } from './BudgetCard.tsx'
import { ChangeView } from './ChangeView.tsx'
import { Comments, LinkedIssues } from './Comments.tsx'
import { Dangers } from './Command.tsx'
import { useApproval, useSubject } from './data.ts'
import { Decision } from './Decision.tsx'
import { HireCard } from './HireCard.tsx'
import { Requester } from './Requester.tsx'
import { RequestView } from './RequestView.tsx'
import { TextChangeView } from './TextChangeView.tsx'
import { useSeen } from './useSeen.ts'
import type { Seen } from './useSeen.ts'
import { isOpen, kindOf, proposalOf, textChangeOf, titleOf } from './words.ts'
import { Written } from './written.tsx'

const noRows: readonly never[] = []

/** One approval: what is asked, what it means, the decision, and what was said about it. */
export function ApprovalView({ id, isWhole = false }: { readonly id: string; readonly isWhole?: boolean }): ReactNode {
  const { id: companyId } = useCompany()
  const read = useApproval(companyId, id)
  const nameOf = useNames(noRows)
  const { refetch } = read
  const again = useCallback(() => inBackground(refetch()), [refetch])
  if (read.data === undefined) return read.error === null ? <Skeleton lines={8} /> : <Problem problem={read.error} retry={again} />
  return (
    <>
      {read.error !== null && <Problem problem={read.error} retry={again} />}
      <Shown approval={read.data.data} etag={read.data.etag} nameOf={nameOf} again={again} isWhole={isWhole} />
    </>
  )
}

interface ShownProps {
  readonly approval: ApprovalDetail
  readonly etag: string | null
  readonly nameOf: NameOf
  readonly again: () => void
  /** Whether it has the page for itself; then the payload as it is stands open beside it. */
  readonly isWhole: boolean
}

function Shown({ approval, etag, nameOf, again, isWhole }: ShownProps): ReactNode {
  const { id: companyId } = useCompany()
  const seen = useSeen(approval)
  const agent = useSubject(companyId, approval, again)
  const proposal = proposalOf(approval)
  const texts = textChangeOf(approval)
  return (
    <article className="approval" aria-label={titleOf(approval)}>
      <div className="approval-main">
        <Head approval={approval} nameOf={nameOf} />
        {seen.isChanged && <Changed seen={seen} approval={approval} />}
        {isOpen(approval) && <Dangers warnings={approval.warnings ?? []} />}
        {approval.type === 'hire_agent' ? (
          <HireCard approval={approval} nameOf={nameOf} />
        ) : approval.type === 'budget_override_required' ? (
          <BudgetCard approval={approval} nameOf={nameOf} />
        ) : proposal !== null ? (
          <ChangeView approval={approval} proposal={proposal} agent={agent} />
        ) : texts !== null ? (
          <TextChangeView approval={approval} change={texts} nameOf={nameOf} />
        ) : (
          <RequestView approval={approval} />
        )}
        <Decision approval={approval} etag={etag} seen={seen} />
      </div>
      <div className="approval-beside">
        <LinkedIssues id={approval.id} />
        <details className="raw" open={isWhole}>
          <summary>The payload as it is</summary>
          <Json name="The payload as it is" value={approval.payload} />
          {approval.payloadHash !== undefined && (
            <p className="soft">
              A decision is about <code>{approval.payloadHash.slice(0, 16)}</code>
            </p>
          )}
        </details>
        <Comments approval={approval} nameOf={nameOf} />
      </div>
    </article>
  )
}

function Head({ approval, nameOf }: { readonly approval: ApprovalDetail; readonly nameOf: NameOf }): ReactNode {
  const { status, createdAt, requestedByAgentId, requestedByUserId, decidedAt, decidedByUserId, decisionNote } = approval
  return (
    <header>
      <h2>
        <VisibleText text={titleOf(approval)} />
      </h2>
      <p className="row meta">
        <Status of={status} />
        <span>{kindOf(approval)}</span>
        <span>
          asked by <Requester isInside agentId={requestedByAgentId} userId={requestedByUserId} nameOf={nameOf} />, <Time at={createdAt} />
        </span>
      </p>
      {decidedAt !== null && (
        <p className="outcome">
          <Status of={status} /> by <Requester agentId={null} userId={decidedByUserId} nameOf={nameOf} />, <Time at={decidedAt} />
        </p>
      )}
      {decisionNote !== null && decisionNote !== '' && <Written text={decisionNote} />}
    </header>
  )
}

/** The subject of a decision, as text. */
const versionText = ({ payload, resultingConfiguration = null }: ApprovalDetail): string =>
  escapeHidden(jsonText({ payload, resultingConfiguration }))

function Changed({ seen, approval }: { readonly seen: Seen; readonly approval: ApprovalDetail }): ReactNode {
  return (
    <section role="alert" className="changed" aria-label="Changed meanwhile">
      <h3>This has changed since you looked at it</h3>
      <p>What you see below is the new version. The difference:</p>
      <TextDiff name="Change since you looked" before={versionText(seen.version)} after={versionText(approval)} />
      <button type="button" onClick={seen.accept}>
        I have read the new version
      </button>
    </section>
  )
}
