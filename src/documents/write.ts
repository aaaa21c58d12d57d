import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import { expireByDocument } from '../confirmations/index.ts'
import type { Ctx } from '../db/context.ts'
import { companyOf } from '../db/context.ts'
import { changed, mutate } from '../db/mutate.ts'
import type { Outcome, Tx } from '../db/mutate.ts'
import { documentRevisions, documents } from '../db/schema/documents.ts'
import { param, statement } from '../db/statement.ts'
import { lockIssue, passGate } from '../holds/index.ts'
import type { Expected } from '../holds/index.ts'
import { touchIssue } from '../issues/index.ts'
import { actingRun } from '../kernel/actor.ts'
import type { Actor } from '../kernel/actor.ts'
import { refuse } from '../kernel/errors.ts'
import type { DomainEvent } from '../kernel/event.ts'
import { only } from '../kernel/only.ts'
import { documentCreated, documentDeleted, documentRestored, documentUpdated } from './events.ts'
import { documentByKey, findDocument, revisionOf } from './queries.ts'
import type { DocumentRow } from './queries.ts'
import type { PutDocument } from './views.ts'

/** Documents of one issue; an agent that writes one per step must meet a wall. */
const MOST_DOCUMENTS = 200

interface Text {
  readonly title: string | null
  readonly body: string
  readonly changeSummary: string | null
}

const authorOf = (actor: Actor): { agentId: string | null; userId: string | null } => ({
  agentId: actor.kind === 'agent' ? actor.agentId : null,
  userId: actor.kind === 'board' ? actor.userId : null,
})

const countOf = statement<{ issueId: string }, { count: number }>('document_count').read(
  sql`select count(*)::int as count from ${documents} where issue_id = ${param('issueId')}`,
)

async function insertRevision(
  tx: Tx,
  ctx: Ctx,
  document: { id: string; issueId: string; key: string },
  revision: { id: string; number: number },
  text: Text,
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
    createdByRunId: actingRun(ctx.actor),
  })
}

async function insertDocument(tx: Tx, ctx: Ctx, issueId: string, key: string, text: Text): Promise<DocumentRow> {
  if (only(await tx.run(countOf, { issueId })).count >= MOST_DOCUMENTS)
    refuse('unprocessable', { message: `An issue has at most ${MOST_DOCUMENTS} documents` })
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
async function revise(tx: Tx, ctx: Ctx, document: DocumentRow, text: Text): Promise<{ after: DocumentRow; expired: DomainEvent[] }> {
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

const saidOf = (document: DocumentRow) => ({
  key: document.key,
  documentId: document.id,
  title: document.title,
  format: document.format,
  revisionNumber: document.latestRevisionNumber,
  revisionId: document.latestRevisionId,
})

/** The frame of every write: the issue's lock, the gate, the write, and the issue marked as touched. */
async function writing(
  ctx: Ctx,
  issueId: string,
  expected: Expected,
  write: (tx: Tx) => Promise<Outcome<DocumentRow>>,
): Promise<DocumentRow> {
  return await mutate(ctx, async (tx) => {
    const issue = await lockIssue(tx, companyOf(ctx), issueId)
    const passed = await passGate(tx, ctx, issue, expected)
    const { value, events } = await write(tx)
    await touchIssue(tx, issueId)
    return { value, events: [...passed.events, ...events] }
  })
}

/**
 * Writes a document. The writer names the revision it has read; of any number that name the same one, exactly one
 * succeeds and the others learn which revision is now the latest.
 *
 * @throws Refusal of the gate (lock-protocol §4.2); `document_stale` with `currentRevisionId`; `document_absent` when a
 *   base is named and there is no document
 */
export async function putDocument(ctx: Ctx, issueId: string, key: string, wanted: PutDocument, expected: Expected): Promise<DocumentRow> {
  const { body, changeSummary = null, baseRevisionId = null } = wanted
  return await writing(ctx, issueId, expected, async (tx) => {
    const before = await findDocument(tx, companyOf(ctx), issueId, key)
    if (before === undefined) {
      if (baseRevisionId !== null) refuse('document_absent', { details: { key } })
      const document = await insertDocument(tx, ctx, issueId, key, { title: wanted.title ?? null, body, changeSummary })
      return changed(document, documentCreated(issueId, saidOf(document)))
    }
    if (baseRevisionId !== before.latestRevisionId) {
      const message = baseRevisionId === null ? { message: 'Document update requires baseRevisionId' } : {}
      refuse('document_stale', { ...message, details: { key, currentRevisionId: before.latestRevisionId } })
    }
    const title = wanted.title === undefined ? before.title : wanted.title
    const { after, expired } = await revise(tx, ctx, before, { title, body, changeSummary })
    return changed(after, documentUpdated(issueId, { ...saidOf(after), changeSummary }), ...expired)
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
  return await writing(ctx, issueId, expected, async (tx) => {
    const before = await documentByKey(tx, companyOf(ctx), issueId, key)
    const revision = await revisionOf(tx, before.id, revisionId)
    if (revision.id === before.latestRevisionId) refuse('revision_is_latest', { details: { currentRevisionId: before.latestRevisionId } })
    const { title, body, revisionNumber } = revision
    const { after, expired } = await revise(tx, ctx, before, { title, body, changeSummary: `Restored from revision ${revisionNumber}` })
    const said = { ...saidOf(after), restoredFromRevisionId: revision.id, restoredFromRevisionNumber: revisionNumber }
    return changed(after, documentRestored(issueId, said), ...expired)
  })
}

/** Deletes a document with its revisions. @throws Refusal `not_found` */
export async function deleteDocument(ctx: Ctx, issueId: string, key: string, expected: Expected): Promise<{ ok: true }> {
  await writing(ctx, issueId, expected, async (tx) => {
    const was = await documentByKey(tx, companyOf(ctx), issueId, key)
    await tx.delete(documents).where(eq(documents.id, was.id))
    const expired = await expireByDocument(tx, issueId, { id: was.id, key, revisionId: null })
    return changed(was, documentDeleted(issueId, saidOf(was)), ...expired)
  })
  return { ok: true }
}
