import { randomUUID } from 'node:crypto'
import { documentRevisions, documents } from '../../model/documents.ts'
import { companyOf } from '../../platform/db/context.ts'
import { insertRows } from '../../platform/db/insertRows.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { actingRunIdOf, authorOf } from '../../platform/kernel/actor.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { documentCreated } from './events.ts'

/** A document of a new issue. */
export interface BatchDocument {
  readonly issueId: string
  readonly key: string
  readonly title: string | null
  readonly body: string
}

const insert = insertRows('document_insert_many', documents, [
  'id',
  'companyId',
  'issueId',
  'key',
  'title',
  'format',
  'body',
  'latestRevisionId',
  'latestRevisionNumber',
  'createdByAgentId',
  'createdByUserId',
  'updatedByAgentId',
  'updatedByUserId',
])

const insertRevisions = insertRows('document_revision_insert_many', documentRevisions, [
  'id',
  'companyId',
  'documentId',
  'issueId',
  'key',
  'revisionNumber',
  'title',
  'format',
  'body',
  'createdByAgentId',
  'createdByUserId',
  'createdByRunId',
])

/**
 * (tx) Inserts documents with their first revisions, each kind of row in one statement.
 * @param batch expects issues that this transaction has inserted, and each key once for an issue
 */
export async function insertDocuments(tx: Tx, ctx: Ctx, batch: readonly BatchDocument[]): Promise<DomainEvent[]> {
  const { agentId, userId } = authorOf(ctx.actor)
  const rows = batch.map((document) => ({
    ...document,
    id: randomUUID() as string,
    companyId: companyOf(ctx),
    format: 'markdown' as const,
    latestRevisionId: randomUUID() as string,
    latestRevisionNumber: 1,
    createdByAgentId: agentId,
    createdByUserId: userId,
    updatedByAgentId: agentId,
    updatedByUserId: userId,
  }))
  await insert(tx, rows)
  await insertRevisions(
    tx,
    rows.map(({ id, latestRevisionId, latestRevisionNumber, updatedByAgentId: _, updatedByUserId: _user, ...shared }) => ({
      ...shared,
      id: latestRevisionId,
      documentId: id,
      revisionNumber: latestRevisionNumber,
      createdByRunId: actingRunIdOf(ctx.actor),
    })),
  )
  return rows.map(({ id, issueId, key, title, format, latestRevisionId }) =>
    documentCreated(issueId, { key, documentId: id, title, format, revisionNumber: 1, revisionId: latestRevisionId }),
  )
}
