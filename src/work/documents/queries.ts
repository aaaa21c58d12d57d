import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import type { z } from 'zod'
import { documentRevisions, documents } from '../../model/documents.ts'
import { companyOf } from '../../platform/db/context.ts'
import { keyset } from '../../platform/db/keyset.ts'
import type { PageRequest } from '../../platform/db/keyset.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { encodeCursor } from '../../platform/kernel/page.ts'
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

/**
 * Bytes of text in one page. A page that reaches them ends early; it has at least one row. A page of 200 documents of the
 * maximum length would be a hundred megabytes. `octet_length` of a stored text is known without reading the text.
 */
const PAGE_BYTES = 4_000_000

const limitPageBytes = (inner: SQL, order: SQL): SQL => sql`
  select * from (select rows.*, sum(octet_length(rows.body)) over (order by ${order} rows unbounded preceding) - octet_length(rows.body) as before
    from (${inner}) rows) sized where before < ${sql.raw(String(PAGE_BYTES))} order by ${order}`

/** A row of a list with the bytes of text before it, and whether a row follows it. */
type WithPageBytes<T> = T & { before: number; more: boolean }

/** The page of a list that may have ended early, because its texts are long. Such a page has a next one, too. */
function toPageOfBytes<T>(rows: readonly WithPageBytes<T>[], limit: number, keyOf: (row: T) => readonly (string | number)[]): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const items = shown.map(({ before: _, more: _more, ...row }) => row as unknown as T)
  return { items, next: last?.more === true ? encodeCursor(keyOf(last)) : null }
}

const byKey = keyset('asc', [{ field: 'key', column: 'key', type: 'text' }])

const selectDocuments = dynamicRead<{ companyId: string; issueId: string; limit: number }, WithPageBytes<DocumentRow>>('document_list')

/** Documents of an issue by key, with their texts. */
export async function listDocuments(ctx: Ctx, issueId: string, request: PageRequest): Promise<Page<DocumentRow>> {
  const page = byKey.page(request)
  const query = selectDocuments(String(page.hasCursor), () =>
    limitPageBytes(
      sql`select ${columnsOf(documents)}, lead(true, 1, false) over (order by ${byKey.orderBy}) as more from ${documents}
        where issue_id = ${param('issueId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${page.andAfterCursor}
        order by ${byKey.orderBy} limit ${param('limit', 'int')}`,
      sql`key`,
    ),
  )
  const rows = await ctx.store.read.run(query, { companyId: companyOf(ctx), issueId, ...page.params, limit: page.limit })
  return toPageOfBytes(rows, page.limit, (row) => byKey.keyOf(row))
}

const byNumber = keyset('desc', [{ field: 'revisionNumber', column: 'revision_number', type: 'int' }])

const selectRevisions = dynamicRead<{ companyId: string; documentId: string; limit: number }, WithPageBytes<RevisionRow>>(
  'document_revision_list',
)

/** Revisions of a document, newest first, with their texts. @throws Refusal `not_found` for the document */
export async function listRevisions(ctx: Ctx, issueId: string, key: string, request: PageRequest): Promise<Page<RevisionRow>> {
  const companyId = companyOf(ctx)
  const document = await readDocument(ctx, issueId, key)
  const page = byNumber.page(request)
  const query = selectRevisions(String(page.hasCursor), () =>
    limitPageBytes(
      sql`select ${columnsOf(documentRevisions)}, lead(true, 1, false) over (order by ${byNumber.orderBy}) as more
        from ${documentRevisions} where document_id = ${param('documentId', 'uuid')} and company_id = ${param('companyId', 'uuid')}
        ${page.andAfterCursor} order by ${byNumber.orderBy} limit ${param('limit', 'int')}`,
      sql`"revisionNumber" desc`,
    ),
  )
  const rows = await ctx.store.read.run(query, { companyId, documentId: document.id, ...page.params, limit: page.limit })
  return toPageOfBytes(rows, page.limit, (row) => byNumber.keyOf(row))
}
