import { useEffect } from 'react'
import { request, segment } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { Agent, Approval, ApprovalComment, ApprovalDetail } from '../../api/types.ts'
import { useAct } from '../../api/acts.ts'
import { subjectOf } from './words.ts'
import type { ApprovalStatus, ApprovalType, Outcome } from './words.ts'

export interface ListFilter {
  /** Null for all. */
  readonly status: ApprovalStatus | null
  readonly type: ApprovalType | null
}

const PAGE = 200
const open: ReadonlySet<string> = new Set(['pending', 'revision_requested'])

export interface ApprovalsRead extends PagesRead<Approval> {
  /** Whether the first row of the list is known: of a list that is shown oldest first it comes with the last page. */
  readonly hasFirst: boolean
}

/**
 * The approvals of a filter. The list of what waits is read whole and shown oldest first, because it is answered in that order; the rest newest first,
 * page by page.
 */
export function useApprovals(companyId: string, { status, type }: ListFilter): ApprovalsRead {
  const read = usePages<Approval>(['approvals', companyId, 'list'], `/companies/${companyId}/approvals`, { status }, PAGE)
  const { hasMore, loadMore } = read
  const isWaiting = status !== null && open.has(status)
  useEffect(() => {
    if (isWaiting && hasMore) loadMore()
  })
  const rows = type === null ? read.rows : read.rows.filter((row) => row.type === type)
  return { ...read, rows: isWaiting ? rows.toReversed() : rows, hasFirst: !read.isPrevious && !(isWaiting && hasMore) }
}

/** One approval, with what a decision would be about. */
export const useApproval = (companyId: string, id: string): ReturnType<typeof useRead<ApprovalDetail>> =>
  useRead<ApprovalDetail>(['approval', companyId, id], `/approvals/${segment(id)}`)

/**
 * The agent that an approval would change, as it is now. When it changes, the approval has another result, although its row is the same: it
 * is read again.
 */
export function useSubject(companyId: string, approval: ApprovalDetail, onChange: () => void): Agent | null {
  const id = subjectOf(approval)
  const read = useRead<Agent>(['agent', companyId, id, 'subject'], `/agents/${segment(id ?? '')}`, { isEnabled: id !== null })
  const agent = read.data?.data ?? null
  const version = agent?.updatedAt ?? null
  useEffect(() => {
    // The first version is no change, and costs one read more.
    if (version !== null) onChange()
  }, [version, onChange])
  return agent
}

/** The issues that an approval is linked to. */
export interface LinkedIssue {
  readonly id: string
  readonly identifier: string
  readonly title: string
  readonly status: string
}
export const useLinkedIssues = (companyId: string, id: string): PagesRead<LinkedIssue> =>
  usePages<LinkedIssue>(['approvals', companyId, id, 'issues'], `/approvals/${segment(id)}/issues`, {}, 50)

export const useComments = (companyId: string, id: string): PagesRead<ApprovalComment> =>
  usePages<ApprovalComment>(['approvals', companyId, id, 'comments'], `/approvals/${segment(id)}/comments`, {}, 200)

export interface Decision {
  readonly outcome: Outcome
  readonly note: string
  /** Of the version that was shown and read. */
  readonly payloadHash: string
  readonly etag: string | null
}

const concerned = ['approvals', 'approval', 'agents', 'agent', 'figures']

/** Decides. The decision names the version that was shown. */
export const useDecide = (id: string) =>
  useAct(concerned, async ({ outcome, note, payloadHash, etag }: Decision) => {
    const body = { payloadHash, ...(note === '' ? {} : { decisionNote: note }) }
    return (await request<ApprovalDetail>('POST', `/approvals/${segment(id)}/${outcome}`, { body, ifMatch: etag })).data
  })

export interface NewComment {
  readonly body: string
  /** The same for every try of the same text. */
  readonly idempotencyKey: string
}

/** Comments on an approval; the agent that asked is woken. */
export const useAddComment = (id: string) =>
  useAct(['approvals'], (body: NewComment) => request<ApprovalComment>('POST', `/approvals/${segment(id)}/comments`, { body }))
