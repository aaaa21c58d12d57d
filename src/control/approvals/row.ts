import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import type { Ctx, ReadDb, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { approvals } from '../../model/approvals.ts'
import { columnsOf, param, statement } from '../../platform/db/statement.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { ApprovalStatus, ApprovalType } from '../../model/approvalStatus.ts'
import type { approvalView } from './views.ts'

/** An approval as clients see it. */
export type ApprovalView = z.input<typeof approvalView>

/** A row of approvals, with its secrets. */
export interface ApprovalRow extends ApprovalView {
  /** The configuration that it leads to, as it was computed last. */
  readonly result: Record<string, unknown> | null
  /** Names what was requested, and after the decision what was decided about; null in rows of before. */
  readonly shownHash: string | null
}

export const approvalColumns = columnsOf(approvals)

const selectApproval = statement<{ id: string; companyId: string }, ApprovalRow>('approval_by_id').read(
  sql`select ${approvalColumns} from ${approvals} where id = ${param('id')} and company_id = ${param('companyId')}`,
)

/** An approval of the company, not redacted. @throws Refusal `not_found` */
export async function approvalById(db: Pick<ReadDb, 'run'>, companyId: string, id: string): Promise<ApprovalRow> {
  const [row] = await db.run(selectApproval, { id, companyId })
  if (row === undefined) return refuse('not_found', { message: 'Approval not found' })
  return row
}

const lockById = lockingRead(
  'approval',
  statement<{ id: string; companyId: string }, ApprovalRow>('approval_lock').read(sql`
    select ${approvalColumns} from ${approvals} where id = ${param('id')} and company_id = ${param('companyId')} for no key update`),
)

/** (tx) Locks an approval. @throws Refusal `not_found` for a missing or foreign one */
export async function lockApproval(tx: Tx, companyId: string, id: string): Promise<ApprovalRow> {
  const [row] = await lockById(tx, { id, companyId })
  if (row === undefined) return refuse('not_found', { message: 'Approval not found' })
  return row
}

/** The most open approvals of one agent, so that an agent in a loop is limited and does not flood the board. */
const MAX_OPEN_APPROVALS = 200

const countOpen = statement<{ companyId: string; agentId: string }, { open: number }>('approval_count_open').read(sql`
  select count(*)::int as open from ${approvals}
  where company_id = ${param('companyId')} and requested_by_agent_id = ${param('agentId')} and status in ('pending', 'revision_requested')`)

const insertRow = statement<
  {
    id: string
    companyId: string
    type: ApprovalType
    byAgentId: string | null
    byUserId: string | null
    payload: string
    result: string | null
    shownHash: string
  },
  ApprovalRow
>('approval_insert').write(sql`
  insert into ${approvals} (id, company_id, type, requested_by_agent_id, requested_by_user_id, payload, result, shown_hash)
  values (${param('id')}, ${param('companyId')}, ${param('type')}, ${param('byAgentId', 'uuid')}, ${param('byUserId')}, ${param('payload', 'jsonb')},
    ${param('result', 'jsonb')}, ${param('shownHash')})
  returning ${approvalColumns}`)

/** The part of a review that is stored (`review.ts`). */
interface StoredReview {
  readonly payloadHash: string
  readonly resultingConfiguration: Readonly<Record<string, unknown>> | null
}

interface NewApproval {
  readonly type: ApprovalType
  readonly payload: Readonly<Record<string, unknown>>
  readonly review: StoredReview
  /** The agent that a person requests the approval for. Ignored for an agent, which requests for itself (I8). */
  readonly forAgentId?: string | null | undefined
}

/** (tx) Opens an approval in the name of the actor. @throws Refusal `unprocessable` for an agent with too many open approvals */
export async function insertApproval(tx: Tx, ctx: Ctx, input: NewApproval): Promise<ApprovalRow> {
  const companyId = companyOf(ctx)
  const { actor } = ctx
  if (actor.kind === 'agent') {
    const { open } = exactlyOne(await tx.run(countOpen, { companyId, agentId: actor.agentId }))
    if (open >= MAX_OPEN_APPROVALS) refuse('unprocessable', { message: `An agent has at most ${MAX_OPEN_APPROVALS} open approvals` })
  }
  const { type, payload, review } = input
  return exactlyOne(
    await tx.run(insertRow, {
      id: randomUUID(),
      companyId,
      type,
      byAgentId: actor.kind === 'agent' ? actor.agentId : (input.forAgentId ?? null),
      byUserId: actor.kind === 'board' ? actor.userId : null,
      payload: JSON.stringify(payload),
      result: resultColumn(review),
      shownHash: review.payloadHash,
    }),
  )
}

const updateStatus = statement<
  {
    id: string
    from: ApprovalStatus
    to: ApprovalStatus
    note: string | null
    userId: string | null
    payload: string
    result: string | null
    shownHash: string | null
  },
  ApprovalRow
>('approval_decide').write(sql`
  update ${approvals} set status = ${param('to', 'text')}, decision_note = ${param('note')}, decided_by_user_id = ${param('userId')},
    decided_at = case when ${param('to', 'text')} = 'pending' then null else now() end, payload = ${param('payload', 'jsonb')},
    result = ${param('result', 'jsonb')}, shown_hash = ${param('shownHash', 'text')}, updated_at = now()
  where id = ${param('id')} and status = ${param('from')} returning ${approvalColumns}`)

interface StatusChange {
  readonly to: ApprovalStatus
  readonly note: string | null
  readonly userId: string | null
  readonly payload: Readonly<Record<string, unknown>>
  /** The review of the approval with its new payload. */
  readonly review: StoredReview
}

/**
 * (tx) The only writer of an approval's status. Expects its row lock; the caller has checked the transition. A decision is
 * stored with the hash of what it was about; until then the hash of what was first requested stays.
 */
export async function setApprovalStatus(tx: Tx, approval: ApprovalRow, change: StatusChange): Promise<ApprovalRow> {
  const { to, note, userId, payload, review } = change
  const isDecision = to === 'approved' || to === 'rejected'
  return exactlyOne(
    await tx.run(updateStatus, {
      id: approval.id,
      from: approval.status,
      to,
      note,
      userId,
      payload: JSON.stringify(payload),
      result: resultColumn(review),
      shownHash: isDecision ? review.payloadHash : approval.shownHash,
    }),
  )
}

const resultColumn = ({ resultingConfiguration }: StoredReview): string | null =>
  resultingConfiguration === null ? null : JSON.stringify(resultingConfiguration)
