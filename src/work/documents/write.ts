import { randomUUID } from 'node:crypto'
import { eq, sql } from 'drizzle-orm'
import type { Expected } from '../../engine/holds/index.ts'
import { documentRevisions, documents } from '../../model/documents.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changed } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { actingRunIdOf, authorOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { expireByDocument } from '../interactionExpiry/index.ts'
import { writeThroughGate } from '../issues/index.ts'
import { documentCreated, documentDeleted, documentRestored, documentUpdated } from './events.ts'
import { documentByKey, findDocument, requireRevision } from './queries.ts'
import type { DocumentRow } from './queries.ts'
import type { PutDocument } from './views.ts'

/** Documents of one issue. The limit stops an agent that writes one in each step. */
export const MAX_DOCUMENTS = 200

/** The document that a write is about, and the conditions of the client. */
interface DocumentWrite {
  readonly issueId: string
  readonly key: string
  readonly expected: Expected
}

interface DocumentText {
  readonly title: string | null
  readonly body: string
  readonly changeSummary: string | null
}

interface RevisionKey {
  readonly id: string
  readonly number: number
}

const countDocuments = statement<{ issueId: string }, { count: number }>('document_count').read(
  sql`select count(*)::int as count from ${documents} where issue_id = ${param('issueId')}`,
)

const refOf = (ctx: Ctx, { issueId, key }: { issueId: string; key: string }) => ({ companyId: companyOf(ctx), issueId, key })

/** The values of a new row of `document_revisions`. */
function revisionValues(ctx: Ctx, document: Pick<DocumentRow, 'id' | 'issueId' | 'key'>, revision: RevisionKey, text: DocumentText) {
  const { agentId, userId } = authorOf(ctx.actor)
  return {
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
  }
}

async function insertDocument(tx: Tx, ctx: Ctx, { issueId, key }: DocumentWrite, text: DocumentText): Promise<DocumentRow> {
  const { count } = exactlyOne(await tx.run(countDocuments, { issueId }))
  if (count >= MAX_DOCUMENTS) refuse('unprocessable', { message: `An issue has at most ${MAX_DOCUMENTS} documents` })
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
  await tx.insert(documentRevisions).values(revisionValues(ctx, { id, issueId, key }, { id: revisionId, number: 1 }, text))
  return await documentByKey(tx, refOf(ctx, { issueId, key }))
}

/** (tx) Adds a revision and makes its text the text of the document. Expects the issue's row lock, under which revisions are numbered. */
async function addRevision(
  tx: Tx,
  ctx: Ctx,
  document: DocumentRow,
  text: DocumentText,
): Promise<{ after: DocumentRow; expired: DomainEvent[] }> {
  const revision = { id: randomUUID(), number: document.latestRevisionNumber + 1 }
  const { agentId, userId } = authorOf(ctx.actor)
  await tx.insert(documentRevisions).values(revisionValues(ctx, document, revision, text))
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
  return { after: await documentByKey(tx, refOf(ctx, document)), expired }
}

const eventDetails = (document: DocumentRow) => ({
  key: document.key,
  documentId: document.id,
  title: document.title,
  format: document.format,
  revisionNumber: document.latestRevisionNumber,
  revisionId: document.latestRevisionId,
})

/**
 * Writes a document. The writer names the revision that it has read. Of several writers that name the same revision,
 * exactly one succeeds; the others receive the id of the revision that is now the latest.
 *
 * @throws Refusal of the gate (LOCK_PROTOCOL §4.2); `document_stale` with `currentRevisionId`; `document_absent` when a
 *   base is named and the document does not exist
 */
export async function putDocument(ctx: Ctx, write: DocumentWrite, input: PutDocument): Promise<DocumentRow> {
  const { body, changeSummary = null, baseRevisionId = null } = input
  const { issueId, key } = write
  return await writeThroughGate(ctx, write, async (tx) => {
    const before = await findDocument(tx, refOf(ctx, write))
    if (before === undefined) {
      if (baseRevisionId !== null) refuse('document_absent', { details: { key } })
      const document = await insertDocument(tx, ctx, write, { title: input.title ?? null, body, changeSummary })
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
export async function restoreDocument(ctx: Ctx, write: DocumentWrite, revisionId: string): Promise<DocumentRow> {
  return await writeThroughGate(ctx, write, async (tx) => {
    const before = await documentByKey(tx, refOf(ctx, write))
    const revision = await requireRevision(tx, before.id, revisionId)
    if (revision.id === before.latestRevisionId) refuse('revision_is_latest', { details: { currentRevisionId: before.latestRevisionId } })
    const { title, body, revisionNumber } = revision
    const changeSummary = `Restored from revision ${revisionNumber}`
    const { after, expired } = await addRevision(tx, ctx, before, { title, body, changeSummary })
    const details = { ...eventDetails(after), restoredFromRevisionId: revision.id, restoredFromRevisionNumber: revisionNumber }
    return changed(after, documentRestored(write.issueId, details), ...expired)
  })
}

/** Deletes a document with its revisions. @throws Refusal of the gate; `not_found` */
export async function deleteDocument(ctx: Ctx, write: DocumentWrite): Promise<{ ok: true }> {
  return await writeThroughGate(ctx, write, async (tx) => {
    const before = await documentByKey(tx, refOf(ctx, write))
    await tx.delete(documents).where(eq(documents.id, before.id))
    const expired = await expireByDocument(tx, write.issueId, { id: before.id, key: write.key, revisionId: null })
    return changed({ ok: true as const }, documentDeleted(write.issueId, eventDetails(before)), ...expired)
  })
}
