import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { z } from 'zod'
import type { Ctx, ReadDb } from '../../platform/db/types.ts'
import { companyOf } from '../../platform/db/context.ts'
import { documentRevisions, documents } from '../../model/documents.ts'
import { columnsOf, param, dynamicRead, statement } from '../../platform/db/statement.ts'
import { notFound } from '../../platform/kernel/errors.ts'
import { decodeCursor, DEFAULT_LIMIT, encodeCursor } from '../../platform/kernel/page.ts'
import type { Page } from '../../platform/kernel/page.ts'
import type { documentView, revisionView } from './views.ts'

type Reader = Pick<ReadDb, 'run'>

export type DocumentRow = z.output<typeof documentView>
export type RevisionRow = z.output<typeof revisionView>

interface DocumentRef {
  readonly companyId: string
  readonly issueId: string
  readonly key: string
}

const selectDocument = statement<DocumentRef, DocumentRow>('document_by_key').read(sql`
  select ${columnsOf(documents)} from ${documents}
  where issue_id = ${param('issueId')} and company_id = ${param('companyId')} and key = ${param('key')}`)

/** A document of an issue, or undefined. */
export async function findDocument(db: Reader, companyId: string, issueId: string, key: string): Promise<DocumentRow | undefined> {
  const [row] = await db.run(selectDocument, { companyId, issueId, key })
  return row
}

/** A document of an issue. @throws Refusal `not_found` */
export async function documentByKey(db: Reader, companyId: string, issueId: string, key: string): Promise<DocumentRow> {
  const row = await findDocument(db, companyId, issueId, key)
  if (row === undefined) throw notFound('Document')
  return row
}

const selectRevision = statement<{ documentId: string; id: string }, RevisionRow>('document_revision_by_id').read(sql`
  select ${columnsOf(documentRevisions)} from ${documentRevisions} where document_id = ${param('documentId')} and id = ${param('id')}`)

/** A revision of a document. @throws Refusal `not_found` */
export async function requireRevision(db: Reader, documentId: string, id: string): Promise<RevisionRow> {
  const [row] = await db.run(selectRevision, { documentId, id })
  if (row === undefined) throw notFound('Document revision')
  return row
}

/**
 * Bytes of text one page carries before it ends early; the first row always comes. A page of 200 documents at their
 * longest would be a hundred megabytes. `octet_length` of a stored text is known without reading the text.
 */
const PAGE_BYTES = 4_000_000

const limitPageBytes = (inner: SQL, order: SQL): SQL => sql`
  select * from (select rows.*, sum(octet_length(rows.body)) over (order by ${order} rows unbounded preceding) - octet_length(rows.body) as before
    from (${inner}) rows) sized where before < ${sql.raw(String(PAGE_BYTES))} order by ${order}`

interface ListParams {
  companyId: string
  issueId: string
  documentId: string | null
  limit: number
  atKey: string | null
  atNumber: number | null
}

type WithPageBytes<T> = T & { before: number; more: boolean }

/** A page that may have ended early, because its texts are long; then too it has a next one. */
function toPageOfBytes<T>(rows: readonly WithPageBytes<T>[], limit: number, keyOf: (row: T) => readonly (string | number)[]): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const items = shown.map(({ before: _, more: _more, ...row }) => row as unknown as T)
  return { items, next: last?.more === true ? encodeCursor(keyOf(last)) : null }
}

const documentsStatement = dynamicRead<ListParams, WithPageBytes<DocumentRow>>('document_list')

/** Documents of an issue by key, with their texts. */
export async function listDocuments(
  ctx: Ctx,
  issueId: string,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<DocumentRow>> {
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.string()]))
  const cursorCondition = cursor === null ? sql`` : sql`and key > ${param('atKey', 'text')}`
  const rows = await ctx.store.read.run(
    documentsStatement(String(cursor !== null), () =>
      limitPageBytes(
        sql`select ${columnsOf(documents)}, lead(true, 1, false) over (order by key) as more from ${documents}
          where issue_id = ${param('issueId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${cursorCondition}
          order by key limit ${param('limit', 'int')}`,
        sql`key`,
      ),
    ),
    { companyId: companyOf(ctx), issueId, documentId: null, limit, atKey: cursor?.[0] ?? null, atNumber: null },
  )
  return toPageOfBytes(rows, limit, (row) => [row.key])
}

const revisionsStatement = dynamicRead<ListParams, WithPageBytes<RevisionRow>>('document_revision_list')

/** Revisions of a document, newest first, with their texts. @throws Refusal `not_found` for the document */
export async function listRevisions(
  ctx: Ctx,
  issueId: string,
  key: string,
  page: { limit?: number | undefined; after?: string | undefined },
): Promise<Page<RevisionRow>> {
  const companyId = companyOf(ctx)
  const document = await documentByKey(ctx.store.read, companyId, issueId, key)
  const limit = page.limit ?? DEFAULT_LIMIT
  const cursor = page.after === undefined ? null : decodeCursor(page.after, z.tuple([z.int().min(0).max(2_147_483_647)]))
  const cursorCondition = cursor === null ? sql`` : sql`and revision_number < ${param('atNumber', 'int')}`
  const rows = await ctx.store.read.run(
    revisionsStatement(String(cursor !== null), () =>
      limitPageBytes(
        sql`select ${columnsOf(documentRevisions)}, lead(true, 1, false) over (order by revision_number desc) as more
          from ${documentRevisions} where document_id = ${param('documentId', 'uuid')} and company_id = ${param('companyId', 'uuid')} ${cursorCondition}
          order by revision_number desc limit ${param('limit', 'int')}`,
        sql`"revisionNumber" desc`,
      ),
    ),
    { companyId, issueId, documentId: document.id, limit, atKey: null, atNumber: cursor?.[0] ?? null },
  )
  return toPageOfBytes(rows, limit, (row) => [row.revisionNumber])
}
