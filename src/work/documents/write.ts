import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { expireByDocument } from '../interactionExpiry/index.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { documentRevisions, documents } from '../../model/documents.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { lockIssue, checkWriteGate } from '../../engine/holds/index.ts'
import type { Expected } from '../../engine/holds/index.ts'
import { touchIssue } from '../issues/index.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { documentCreated, documentDeleted, documentRestored, documentUpdated } from './events.ts'
import { documentByKey, findDocument, requireRevision } from './queries.ts'
import type { DocumentRow } from './queries.ts'
import type { PutDocument } from './views.ts'

/** Documents of one issue; an agent that writes one per step must meet a wall. */
const MAX_DOCUMENTS = 200

interface DocumentText {
  readonly title: string | null
  readonly body: string
  readonly changeSummary: string | null
}

const authorOf = (actor: Actor): { agentId: string | null; userId: string | null } => ({
  agentId: actor.kind === 'agent' ? actor.agentId : null,
  userId: actor.kind === 'board' ? actor.userId : null,
})

const countDocuments = statement<{ issueId: string }, { count: number }>('document_count').read(
  sql`select count(*)::int as count from ${documents} where issue_id = ${param('issueId')}`,
)

async function insertRevision(
  tx: Tx,
  ctx: Ctx,
  document: { id: string; issueId: string; key: string },
  revision: { id: string; number: number },
  text: DocumentText,
) {
  const { agentId, userId } = authorOf(ctx.actor)
  await tx.insert(documentRevisions).values({
    id: revision.id,
    companyId: companyOf(ctx),
    documentId: document.id,
    issueId: document.issueId,
    key: document.key,
    revisionNumber: revision.number,
    title: text.title,
    body: text.body,
    changeSummary: text.changeSummary,
    createdByAgentId: agentId,
    createdByUserId: userId,
    createdByRunId: actingRunIdOf(ctx.actor),
  })
}

async function insertDocument(tx: Tx, ctx: Ctx, issueId: string, key: string, text: DocumentText): Promise<DocumentRow> {
  if (exactlyOne(await tx.run(countDocuments, { issueId })).count >= MAX_DOCUMENTS)
    refuse('unprocessable', { message: `An issue has at most ${MAX_DOCUMENTS} documents` })
  const [id, revisionId] = [randomUUID(), randomUUID()]
  const { agentId, userId } = authorOf(ctx.actor)
  await tx.insert(documents).values({
    id,
    companyId: companyOf(ctx),
    issueId,
    key,
    title: text.title,
    body: text.body,
    latestRevisionId: revisionId,
    latestRevisionNumber: 1,
    createdByAgentId: agentId,
    createdByUserId: userId,
    updatedByAgentId: agentId,
    updatedByUserId: userId,
  })
  await insertRevision(tx, ctx, { id, issueId, key }, { id: revisionId, number: 1 }, text)
  return await documentByKey(tx, companyOf(ctx), issueId, key)
}

/** Adds a revision and makes it the text of the document. Expects the issue's row lock, which numbers revisions. */
async function addRevision(
  tx: Tx,
  ctx: Ctx,
  document: DocumentRow,
  text: DocumentText,
): Promise<{ after: DocumentRow; expired: DomainEvent[] }> {
  const revision = { id: randomUUID(), number: document.latestRevisionNumber + 1 }
  const { agentId, userId } = authorOf(ctx.actor)
  await insertRevision(tx, ctx, document, revision, text)
  await tx
    .update(documents)
    .set({
      title: text.title,
      body: text.body,
      latestRevisionId: revision.id,
      latestRevisionNumber: revision.number,
      updatedByAgentId: agentId,
      updatedByUserId: userId,
      updatedAt: sql`now()`,
    })
    .where(eq(documents.id, document.id))
  const expired = await expireByDocument(tx, document.issueId, { id: document.id, key: document.key, revisionId: revision.id })
  return { after: await documentByKey(tx, companyOf(ctx), document.issueId, document.key), expired }
}

const eventDetails = (document: DocumentRow) => ({
  key: document.key,
  documentId: document.id,
  title: document.title,
  format: document.format,
  revisionNumber: document.latestRevisionNumber,
  revisionId: document.latestRevisionId,
})

/** The frame of every write: the issue's lock, the gate, the write, and the issue marked as touched. */
async function writeThroughGate(
  ctx: Ctx,
  issueId: string,
  expected: Expected,
  write: (tx: Tx) => Promise<Outcome<DocumentRow>>,
): Promise<DocumentRow> {
  return await mutate(ctx, async (tx) => {
    const issue = await lockIssue(tx, companyOf(ctx), issueId)
    const gate = await checkWriteGate(tx, ctx, issue, expected)
    const { value, events } = await write(tx)
    await touchIssue(tx, issueId)
    return { value, events: [...gate.events, ...events] }
  })
}

/**
 * Writes a document. The writer names the revision it has read; of any number that name the same one, exactly one
 * succeeds and the others learn which revision is now the latest.
 *
 * @throws Refusal of the gate (lock-protocol §4.2); `document_stale` with `currentRevisionId`; `document_absent` when a
 *   base is named and there is no document
 */
export async function putDocument(ctx: Ctx, issueId: string, key: string, input: PutDocument, expected: Expected): Promise<DocumentRow> {
  const { body, changeSummary = null, baseRevisionId = null } = input
  return await writeThroughGate(ctx, issueId, expected, async (tx) => {
    const before = await findDocument(tx, companyOf(ctx), issueId, key)
    if (before === undefined) {
      if (baseRevisionId !== null) refuse('document_absent', { details: { key } })
      const document = await insertDocument(tx, ctx, issueId, key, { title: input.title ?? null, body, changeSummary })
      return changed(document, documentCreated(issueId, eventDetails(document)))
    }
    if (baseRevisionId !== before.latestRevisionId) {
      const message = baseRevisionId === null ? { message: 'Document update requires baseRevisionId' } : {}
      refuse('document_stale', { ...message, details: { key, currentRevisionId: before.latestRevisionId } })
    }
    const title = input.title === undefined ? before.title : input.title
    const { after, expired } = await addRevision(tx, ctx, before, { title, body, changeSummary })
    return changed(after, documentUpdated(issueId, { ...eventDetails(after), changeSummary }), ...expired)
  })
}

/**
 * Makes an earlier text the latest again, as a new revision.
 * @throws Refusal of the gate; `not_found` for document or revision; `revision_is_latest`
 */
export async function restoreDocument(
  ctx: Ctx,
  issueId: string,
  key: string,
  revisionId: string,
  expected: Expected,
): Promise<DocumentRow> {
  return await writeThroughGate(ctx, issueId, expected, async (tx) => {
    const before = await documentByKey(tx, companyOf(ctx), issueId, key)
    const revision = await requireRevision(tx, before.id, revisionId)
    if (revision.id === before.latestRevisionId) refuse('revision_is_latest', { details: { currentRevisionId: before.latestRevisionId } })
    const { title, body, revisionNumber } = revision
    const { after, expired } = await addRevision(tx, ctx, before, {
      title,
      body,
      changeSummary: `Restored from revision ${revisionNumber}`,
    })
    const details = { ...eventDetails(after), restoredFromRevisionId: revision.id, restoredFromRevisionNumber: revisionNumber }
    return changed(after, documentRestored(issueId, details), ...expired)
  })
}

/** Deletes a document with its revisions. @throws Refusal `not_found` */
export async function deleteDocument(ctx: Ctx, issueId: string, key: string, expected: Expected): Promise<{ ok: true }> {
  await writeThroughGate(ctx, issueId, expected, async (tx) => {
    const before = await documentByKey(tx, companyOf(ctx), issueId, key)
    await tx.delete(documents).where(eq(documents.id, before.id))
    const expired = await expireByDocument(tx, issueId, { id: before.id, key, revisionId: null })
    return changed(before, documentDeleted(issueId, eventDetails(before)), ...expired)
  })
  return { ok: true }
}
