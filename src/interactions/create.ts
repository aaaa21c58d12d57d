import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { sql } from 'drizzle-orm'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { mutate, settled, unchanged } from '../db/mutate.ts'
import type { Tx } from '../db/mutate.ts'
import { interactions } from '../db/schema/documents.ts'
import { comments } from '../db/schema/issues.ts'
import { param, statement } from '../db/statement.ts'
import { findDocument } from '../documents/index.ts'
import { lockIssue, passGate } from '../holds/index.ts'
import type { Expected } from '../holds/index.ts'
import { demandReferences, touchIssue } from '../issues/index.ts'
import { actingRun } from '../kernel/actor.ts'
import { notFound, refuse } from '../kernel/errors.ts'
import { only } from '../kernel/only.ts'
import { judgeActingRun } from '../runs/index.ts'
import { interactionCreated } from './events.ts'
import { interactionById, interactionColumns } from './queries.ts'
import type { InteractionRow } from './queries.ts'
import type { CreateInteraction, RequestConfirmation, SuggestTasks } from './views.ts'

/** Interactions in one thread; a person who is asked this often answers nothing any more. */
const MOST_INTERACTIONS = 1000

const byKey = statement<{ issueId: string; key: string }, InteractionRow>('interaction_by_key').read(sql`
  select ${interactionColumns} from ${interactions} where issue_id = ${param('issueId')} and idempotency_key = ${param('key')}`)

const look = statement<{ issueId: string; commentId: string | null }, { count: number; comment: boolean }>('interaction_look').read(sql`
  select (select count(*)::int from ${interactions} where issue_id = ${param('issueId', 'uuid')}) as count,
    exists (select 1 from ${comments} where id = ${param('commentId', 'uuid')} and issue_id = ${param('issueId', 'uuid')}) as comment`)

/** Refuses suggestions whose acceptance would have to be refused: what they refer to is looked for now and again then. */
async function demandSuggestable(tx: Tx, ctx: Ctx, { defaultParentId, tasks }: SuggestTasks): Promise<void> {
  if (defaultParentId) await demandReferences(tx, ctx, { parentId: defaultParentId })
  for (const { projectId, goalId, parentId, assigneeAgentId, assigneeUserId } of tasks) {
    await demandReferences(tx, ctx, { projectId, goalId, parentId, assigneeAgentId, assigneeUserId })
  }
}

/**
 * The target of a confirmation as it is stored, completed by what it refers to. What is confirmed is one text of one
 * document of this issue, and it must be the latest: writing another expires the confirmation under the same lock.
 */
async function settleTarget(tx: Tx, companyId: string, issueId: string, payload: RequestConfirmation): Promise<RequestConfirmation> {
  const { target } = payload
  if (target?.type !== 'issue_document') return payload
  if (target.issueId && target.issueId !== issueId) {
    refuse('unprocessable', { message: 'A confirmation targets a document of its own issue' })
  }
  const document = await findDocument(tx, companyId, issueId, target.key)
  if (document === undefined || (target.documentId && target.documentId !== document.id)) throw notFound('Document')
  if (target.revisionId !== document.latestRevisionId) {
    refuse('document_stale', { details: { key: target.key, currentRevisionId: document.latestRevisionId } })
  }
  return { ...payload, target: { ...target, issueId, documentId: document.id, revisionNumber: document.latestRevisionNumber } }
}

async function settlePayload(tx: Tx, ctx: Ctx, issueId: string, wanted: CreateInteraction): Promise<CreateInteraction['payload']> {
  switch (wanted.kind) {
    case 'suggest_tasks':
      await demandSuggestable(tx, ctx, wanted.payload)
      return wanted.payload
    case 'ask_user_questions':
      return wanted.payload
    case 'request_confirmation':
      return await settleTarget(tx, companyOf(ctx), issueId, wanted.payload)
  }
}

/** A payload without what the server adds to the target of a confirmation. */
function asAsked(payload: unknown): unknown {
  const { target, ...rest } = JSON.parse(JSON.stringify(payload)) as { target?: Record<string, unknown> | null }
  if (!target || target['type'] !== 'issue_document') return { ...rest, target }
  const { issueId: _, documentId: _id, revisionNumber: _number, ...asked } = target
  return { ...rest, target: asked }
}

/** The interaction of an earlier request with the same key, if there is one. @throws Refusal `interaction_key_reused` */
async function madeBefore(tx: Tx, issueId: string, wanted: CreateInteraction): Promise<InteractionRow | null> {
  if (!wanted.idempotencyKey) return null
  const [interaction] = await tx.run(byKey, { issueId, key: wanted.idempotencyKey })
  if (interaction === undefined) return null
  const isSame = interaction.kind === wanted.kind && isDeepStrictEqual(asAsked(interaction.payload), asAsked(wanted.payload))
  return isSame ? interaction : refuse('interaction_key_reused', { details: { interactionId: interaction.id } })
}

/**
 * Puts a question to the board into the thread of an issue. The same `idempotencyKey` gives the same interaction,
 * whatever has become of it.
 *
 * @throws Refusal `run_required` for an agent without a run; of the gate (lock-protocol §4.2), because an answer changes
 *   the issue; `not_found`, `unknown_reference`, `document_stale` for what it refers to; `interaction_key_reused`
 */
export async function createInteraction(ctx: Ctx, issueId: string, wanted: CreateInteraction, expected: Expected): Promise<InteractionRow> {
  const { actor } = ctx
  if (actor.kind === 'agent' && actor.runId === null) refuse('run_required')
  const companyId = companyOf(ctx)
  const { idempotencyKey = null, sourceCommentId = null, title = null, summary = null } = wanted
  return await mutate(ctx, async (tx) => {
    const issue = await lockIssue(tx, companyId, issueId)
    const before = await madeBefore(tx, issueId, wanted)
    if (before !== null) {
      await judgeActingRun(tx, ctx)
      return unchanged(before)
    }
    const passed = await passGate(tx, ctx, issue, expected)
    const found = only(await tx.run(look, { issueId, commentId: sourceCommentId }))
    if (sourceCommentId !== null && !found.comment) throw notFound('Source comment')
    if (found.count >= MOST_INTERACTIONS) refuse('unprocessable', { message: `A thread has at most ${MOST_INTERACTIONS} interactions` })
    const payload = await settlePayload(tx, ctx, issueId, wanted)
    const id = randomUUID()
    const continuationPolicy = wanted.continuationPolicy ?? (wanted.kind === 'request_confirmation' ? 'none' : 'wake_assignee')
    await tx.insert(interactions).values({
      id,
      companyId,
      issueId,
      kind: wanted.kind,
      continuationPolicy,
      idempotencyKey,
      sourceCommentId,
      sourceRunId: actingRun(actor),
      title,
      summary,
      createdByAgentId: actor.kind === 'agent' ? actor.agentId : null,
      createdByUserId: actor.kind === 'board' ? actor.userId : null,
      payload,
    })
    await touchIssue(tx, issueId)
    const said = interactionCreated(issueId, { interactionId: id, interactionKind: wanted.kind, title, continuationPolicy })
    return settled(await interactionById(tx, companyId, issueId, id), [...passed.events, said])
  })
}
