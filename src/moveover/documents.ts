import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { documentKey, putDocumentBody } from '../work/documents/index.ts'
import { documentRevisions, documents } from '../model/documents.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { param, statement } from '../platform/db/statement.ts'
import { createdColumn, id, idColumn, INT_MAX, needed, orElse, person, reference, updatedColumn } from './columns.ts'
import type { Columns, SourceTable } from './columns.ts'
import { knownIn } from './move.ts'
import type { Move, Noun } from './move.ts'
import { found, moveTable } from './moveTable.ts'
import type { Movement } from './moveTable.ts'

const { shape: body } = putDocumentBody
const revisionNumber = z.int().min(1).max(INT_MAX)

const documentTable = {
  name: 'documents',
  joins: { l: { table: 'issue_documents', on: 'l.document_id = t.id and l.company_id = t.company_id' } },
  columns: {
    id: idColumn,
    issueId: needed('uuid', 'l.issue_id', id),
    key: needed('text', 'l.key', documentKey),
    title: orElse('text', 'title', body.title, null),
    format: orElse('text', 'format', body.format, 'markdown'),
    body: needed('text', 'latest_body', body.body),
    latestRevisionId: needed('uuid', 'latest_revision_id', id),
    latestRevisionNumber: needed('int', 'latest_revision_number', revisionNumber),
    createdByAgentId: reference('created_by_agent_id'),
    createdByUserId: person('created_by_user_id'),
    updatedByAgentId: reference('updated_by_agent_id'),
    updatedByUserId: person('updated_by_user_id'),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const insertDocuments = insertRows('moveover_documents', documents, [
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
  'createdAt',
  'updatedAt',
])
type DocumentRow = Parameters<typeof insertDocuments>[1][number] & { readonly id: string }

const selectKeys = statement<{ issueIds: string[]; keys: string[] }, { issueId: string; key: string }>('moveover_document_keys').read(sql`
  select issue_id::text as "issueId", key from ${documents}
  join unnest(${param('issueIds', 'uuid[]')}, ${param('keys', 'text[]')}) w (i, k) on w.i = issue_id and w.k = key`)

const documentNoun: Noun<DocumentRow> = {
  name: 'documents',
  knownById: knownIn('documents', documents),
  deletedBy: { actions: ['issue.document_deleted'], part: { ownerId: (row) => row.issueId, key: 'documentId' } },
  async clashes(db, rows) {
    const here = await db.run(selectKeys, { issueIds: rows.map((row) => row.issueId), keys: rows.map((row) => row.key) })
    const taken = new Set(here.map(({ issueId, key }) => `${issueId} ${key}`))
    const because = 'not brought: its issue has another document with its key'
    const clashes = new Map<string, string>()
    for (const row of rows) {
      const place = `${row.issueId} ${row.key}`
      if (taken.has(place)) clashes.set(row.id, because)
      // Keys that differ in their case are one key here.
      taken.add(place)
    }
    return clashes
  },
  async write(tx, rows) {
    await insertDocuments(tx, rows)
    return []
  },
}

const documentMovement: Movement<(typeof documentTable)['columns'], DocumentRow> = {
  table: documentTable,
  noun: documentNoun,
  shape(row, note, { companyId, present }) {
    if (found(present.issues, row.issueId, 'the document', note) === null) return null
    return {
      ...row,
      companyId,
      title: row.title ?? null,
      createdByAgentId: found(present.agents, row.createdByAgentId, 'the agent that made it', note),
      updatedByAgentId: found(present.agents, row.updatedByAgentId, 'the agent that changed it', note),
    }
  },
}

const revisionTable = {
  name: 'document_revisions',
  joins: { l: { table: 'issue_documents', on: 'l.document_id = t.document_id and l.company_id = t.company_id' } },
  columns: {
    id: idColumn,
    documentId: needed('uuid', 'document_id', id),
    issueId: needed('uuid', 'l.issue_id', id),
    key: needed('text', 'l.key', documentKey),
    revisionNumber: needed('int', 'revision_number', revisionNumber),
    title: orElse('text', 'title', body.title, null),
    format: orElse('text', 'format', body.format, 'markdown'),
    body: needed('text', 'body', body.body),
    changeSummary: orElse('text', 'change_summary', body.changeSummary, null),
    createdByAgentId: reference('created_by_agent_id'),
    createdByUserId: person('created_by_user_id'),
    createdByRunId: reference('created_by_run_id'),
    createdAt: createdColumn,
  },
} as const satisfies SourceTable

const insertRevisions = insertRows('moveover_revisions', documentRevisions, [
  'id',
  'companyId',
  'documentId',
  'issueId',
  'key',
  'revisionNumber',
  'title',
  'format',
  'body',
  'changeSummary',
  'createdByAgentId',
  'createdByUserId',
  'createdByRunId',
  'createdAt',
])
type RevisionRow = Parameters<typeof insertRevisions>[1][number] & { readonly id: string }

const selectNumbers = statement<{ ids: string[] }, { id: string; issueId: string; latest: number; numbers: number[] }>(
  'moveover_revision_numbers',
).read(sql`
  select d.id::text as id, d.issue_id::text as "issueId", d.latest_revision_number as latest,
    array(select r.revision_number from ${documentRevisions} r where r.document_id = d.id) as numbers
  from ${documents} d where d.id = any(${param('ids', 'uuid[]')})`)

const revisionNoun: Noun<RevisionRow> = {
  name: 'document_revisions',
  knownById: knownIn('revisions', documentRevisions),
  async clashes(db, rows, { isApplied }) {
    const here = new Map(
      (await db.run(selectNumbers, { ids: [...new Set(rows.map((row) => row.documentId))] })).map((each) => [each.id, each]),
    )
    const clashes = new Map<string, string>()
    for (const row of rows) {
      const document = here.get(row.documentId)
      // A move that is only looked at has no document here yet.
      if (document === undefined && !isApplied) continue
      if (document === undefined) clashes.set(row.id, 'not brought: its document is not here')
      else if (row.revisionNumber > document.latest)
        clashes.set(row.id, 'not brought: the document has changed in the source since it came, and it may have changed here')
      else if (document.numbers.includes(row.revisionNumber))
        clashes.set(row.id, 'not brought: the document has another revision with its number')
      document?.numbers.push(row.revisionNumber)
    }
    return clashes
  },
  async write(tx, rows) {
    await insertRevisions(tx, rows)
    return []
  },
}

const revisionMovement: Movement<(typeof revisionTable)['columns'], RevisionRow> = {
  table: revisionTable,
  noun: revisionNoun,
  shape(row, note, { companyId, present }) {
    if (!present.documents.has(row.documentId) || !present.issues.has(row.issueId)) {
      note('not brought: its document is not here')
      return null
    }
    return {
      ...row,
      companyId,
      title: row.title ?? null,
      changeSummary: row.changeSummary ?? null,
      createdByAgentId: found(present.agents, row.createdByAgentId, 'the agent that made it', note),
    }
  },
}

/** Brings the documents of issues with all their revisions. */
export async function moveDocuments(move: Move): Promise<void> {
  await moveTable(move, documentMovement, (id) => move.present.documents.add(id))
  await moveTable(move, revisionMovement)
}

export const documentTables: readonly SourceTable<Columns>[] = [documentTable, revisionTable]
