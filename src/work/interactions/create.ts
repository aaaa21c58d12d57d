import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { sql } from 'drizzle-orm'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { mutate, changedIfAny, unchanged } from '../../platform/db/mutate.ts'
import { interactions } from '../../model/documents.ts'
import { comments } from '../../model/issues.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { findDocument } from '../documents/index.ts'
import { lockIssue, checkWriteGate } from '../../engine/holds/index.ts'
import type { Expected } from '../../engine/holds/index.ts'
import { requireReferences, touchIssue } from '../issues/index.ts'
import { actingRunIdOf, authorOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { requireActingRun } from '../../auth/runFacts.ts'
import { interactionCreated } from './events.ts'
import { interactionById, interactionColumns } from './queries.ts'
import type { InteractionRow } from './queries.ts'
import type { CreateInteraction, RequestConfirmation, SuggestTasks } from './views.ts'

/** Interactions in one thread. A person who is asked more often stops answering. */
const MAX_INTERACTIONS = 1000

const selectByIdempotencyKey = statement<{ issueId: string; key: string }, InteractionRow>('interaction_by_key').read(sql`
  select ${interactionColumns} from ${interactions} where issue_id = ${param('issueId')} and idempotency_key = ${param('key')}`)

const loadThreadFacts = statement<{ issueId: string; commentId: string | null }, { count: number; hasComment: boolean }>('interaction_look')
  .read(sql`
  select (select count(*)::int from ${interactions} where issue_id = ${param('issueId', 'uuid')}) as count,
    exists (select 1 from ${comments} where id = ${param('commentId', 'uuid')} and issue_id = ${param('issueId', 'uuid')}) as "hasComment"`)

/** (tx) Checks the references of suggested tasks. Acceptance checks them again. @throws Refusal as `requireReferences` */
async function requireValidSuggestions(tx: Tx, ctx: Ctx, { defaultParentId, tasks }: SuggestTasks): Promise<void> {
  if (defaultParentId) await requireReferences(tx, ctx, { parentId: defaultParentId })
  for (const { projectId, goalId, parentId, assigneeAgentId, assigneeUserId } of tasks) {
    await requireReferences(tx, ctx, { projectId, goalId, parentId, assigneeAgentId, assigneeUserId })
  }
}

/**
 * (tx) The payload of a confirmation as it is stored. A confirmation of a document is for the latest revision; a later
 * revision expires the confirmation under the same row lock. The stored target has the ids of document and issue, too.
 * @throws Refusal `not_found`, `document_stale`, `unprocessable`
 */
async function resolveTarget(tx: Tx, companyId: string, issueId: string, payload: RequestConfirmation): Promise<RequestConfirmation> {
  const { target } = payload
  if (target?.type !== 'issue_document') return payload
  if (target.issueId && target.issueId !== issueId) {
    refuse('unprocessable', { message: 'A confirmation targets a document of its own issue' })
  }
  const document = await findDocument(tx, { companyId, issueId, key: target.key })
  if (document === undefined || (target.documentId && target.documentId !== document.id))
    refuse('not_found', { message: 'Document not found' })
  if (target.revisionId !== document.latestRevisionId) {
    refuse('document_stale', { details: { key: target.key, currentRevisionId: document.latestRevisionId } })
  }
  return { ...payload, target: { ...target, issueId, documentId: document.id, revisionNumber: document.latestRevisionNumber } }
}

async function resolvePayload(tx: Tx, ctx: Ctx, issueId: string, input: CreateInteraction): Promise<CreateInteraction['payload']> {
  switch (input.kind) {
    case 'suggest_tasks':
      await requireValidSuggestions(tx, ctx, input.payload)
      return input.payload
    case 'ask_user_questions':
      return input.payload
    case 'request_confirmation':
      return await resolveTarget(tx, companyOf(ctx), issueId, input.payload)
  }
}

/** A payload without the fields that the server adds to the target of a confirmation. */
function withoutServerFields(payload: unknown): unknown {
  const { target, ...rest } = JSON.parse(JSON.stringify(payload)) as { target?: Record<string, unknown> | null }
  if (!target || target['type'] !== 'issue_document') return { ...rest, target }
  const { issueId: _, documentId: _id, revisionNumber: _number, ...clientTarget } = target
  return { ...rest, target: clientTarget }
}

/** (tx) The interaction of an earlier request with the same key, or null. @throws Refusal `interaction_key_reused` */
async function findIdempotent(tx: Tx, issueId: string, input: CreateInteraction): Promise<InteractionRow | null> {
  if (!input.idempotencyKey) return null
  const [interaction] = await tx.run(selectByIdempotencyKey, { issueId, key: input.idempotencyKey })
  if (interaction === undefined) return null
  const isSame =
    interaction.kind === input.kind && isDeepStrictEqual(withoutServerFields(interaction.payload), withoutServerFields(input.payload))
  return isSame ? interaction : refuse('interaction_key_reused', { details: { interactionId: interaction.id } })
}

/**
 * Adds a question for the board to the thread of an issue. A repeat with the same `idempotencyKey` returns the same
 * interaction, whether or not it was resolved.
 *
 * @throws Refusal `run_required` for an agent without a run; of the gate (LOCK_PROTOCOL §4.2), because an answer changes
 *   the issue; `not_found`, `unknown_reference`, `document_stale` for its references; `interaction_key_reused`; `unprocessable` on a
 *   cancelled issue and beyond the limit
 */
export async function createInteraction(ctx: Ctx, issueId: string, input: CreateInteraction, expected: Expected): Promise<InteractionRow> {
  const { actor } = ctx
  if (actor.kind === 'agent' && actor.runId === null) refuse('run_required')
  const companyId = companyOf(ctx)
  const { idempotencyKey = null, sourceCommentId = null, title = null, summary = null } = input
  return await mutate(ctx, async (tx) => {
    const issue = await lockIssue(tx, companyId, issueId)
    const existing = await findIdempotent(tx, issueId, input)
    if (existing !== null) {
      await requireActingRun(tx, ctx)
      return unchanged(existing)
    }
    const gate = await checkWriteGate(tx, ctx, issue, expected)
    // No person would answer it, and no answer would cause anything (`expireByCancellation`).
    if (issue.status === 'cancelled') refuse('unprocessable', { message: 'A cancelled issue asks nothing: open it again first' })
    const facts = exactlyOne(await tx.run(loadThreadFacts, { issueId, commentId: sourceCommentId }))
    if (sourceCommentId !== null && !facts.hasComment) refuse('not_found', { message: 'Source comment not found' })
    if (facts.count >= MAX_INTERACTIONS) refuse('unprocessable', { message: `A thread has at most ${MAX_INTERACTIONS} interactions` })
    const payload = await resolvePayload(tx, ctx, issueId, input)
    const id = randomUUID()
    const author = authorOf(actor)
    const continuationPolicy = input.continuationPolicy ?? (input.kind === 'request_confirmation' ? 'none' : 'wake_assignee')
    await tx.insert(interactions).values({
      id,
      companyId,
      issueId,
      kind: input.kind,
      continuationPolicy,
      idempotencyKey,
      sourceCommentId,
      sourceRunId: actingRunIdOf(actor),
      title,
      summary,
      createdByAgentId: author.agentId,
      createdByUserId: author.userId,
      payload,
    })
    await touchIssue(tx, issueId)
    const createdEvent = interactionCreated(issueId, { interactionId: id, interactionKind: input.kind, title, continuationPolicy })
    return changedIfAny(await interactionById(tx, companyId, issueId, id), [...gate.events, createdEvent])
  })
}
