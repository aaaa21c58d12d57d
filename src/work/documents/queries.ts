import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { documentRevisions, documents } from '../../model/documents.ts'
import { companyOf } from '../../platform/db/context.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { KeysetParams, PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { documentView, revisionView } from './views.ts'

type Reader = Pick<ReadDb, 'run'>

export type DocumentRow = z.output<typeof documentView>
export type RevisionRow = z.output<typeof revisionView>

/** The natural key of a document. */
interface DocumentRef {
  readonly companyId: string
  readonly issueId: string
  readonly key: string
}

const selectDocument = statement<DocumentRef, DocumentRow>('document_by_key').read(sql`
  select ${columnsOf(documents)} from ${documents}
  where issue_id = ${param('issueId')} and company_id = ${param('companyId')} and key = ${param('key')}`)

/** A document of an issue, or undefined. */
export async function findDocument(db: Reader, ref: DocumentRef): Promise<DocumentRow | undefined> {
  const [row] = await db.run(selectDocument, ref)
  return row
}

/** A document of an issue. @throws Refusal `not_found` */
export async function documentByKey(db: Reader, ref: DocumentRef): Promise<DocumentRow> {
  const row = await findDocument(db, ref)
  if (row === undefined) refuse('not_found', { message: 'Document not found' })
  return row
}

/** A document of an issue, as the caller reads it. @throws Refusal `not_found` */
export const readDocument = (ctx: Ctx, issueId: string, key: string): Promise<DocumentRow> =>
  documentByKey(ctx.store.read, { companyId: companyOf(ctx), issueId, key })

const selectRevision = statement<{ documentId: string; id: string }, RevisionRow>('document_revision_by_id').read(sql`
  select ${columnsOf(documentRevisions)} from ${documentRevisions} where document_id = ${param('documentId')} and id = ${param('id')}`)

/** A revision of a document. @throws Refusal `not_found` */
export async function requireRevision(db: Reader, documentId: string, id: string): Promise<RevisionRow> {
  const [row] = await db.run(selectRevision, { documentId, id })
  if (row === undefined) refuse('not_found', { message: 'Document revision not found' })
  return row
}

const byKey = keyset('asc', [{ field: 'key', column: 'key', type: 'text' }])

const selectDocuments = dynamicRead<KeysetParams & { companyId: string; issueId: string }, DocumentRow>('document_list')

/** Documents of an issue by key, with their texts. */
export async function listDocuments(ctx: Ctx, issueId: string, request: PageRequest): Promise<Page<DocumentRow>> {
  const page = byKey.page(request)
  const query = selectDocuments(
    String(page.hasCursor),
    () => sql`select ${columnsOf(documents)} from ${documents}
      where issue_id = ${param('issueId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
      order by ${byKey.orderBy} limit ${param('limit', 'int')}`,
  )
  return await page.read(ctx.store.read, query, { companyId: companyOf(ctx), issueId, ...page.params })
}

const byNumber = keyset('desc', [{ field: 'revisionNumber', column: 'revision_number', type: 'int' }])

const selectRevisions = dynamicRead<KeysetParams & { companyId: string; documentId: string }, RevisionRow>('document_revision_list')

/** Revisions of a document, newest first, with their texts. @throws Refusal `not_found` for the document */
export async function listRevisions(ctx: Ctx, issueId: string, key: string, request: PageRequest): Promise<Page<RevisionRow>> {
  const companyId = companyOf(ctx)
  const document = await readDocument(ctx, issueId, key)
  const page = byNumber.page(request)
  const query = selectRevisions(
    String(page.hasCursor),
    () => sql`select ${columnsOf(documentRevisions)} from ${documentRevisions}
      where document_id = ${param('documentId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
      order by ${byNumber.orderBy} limit ${param('limit', 'int')}`,
  )
  return await page.read(ctx.store.read, query, { companyId, documentId: document.id, ...page.params })
}
