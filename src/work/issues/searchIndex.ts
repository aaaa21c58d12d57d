import { sql } from 'drizzle-orm'
import { comments, issues } from '../../model/issues.ts'
import { documents } from '../../model/documents.ts'
import { issueSearch, issueSearchChanges, issueSearchSegments, segmentOf } from '../../model/issueSearch.ts'
import { withinBytes } from '../../platform/db/keyset.ts'
import { bareArray, param, statement } from '../../platform/db/statement.ts'
import type { Store } from '../../platform/db/types.ts'
import { writeUnaudited } from '../../platform/db/unaudited.ts'
import type { Log } from '../../platform/kernel/log.ts'
import { keysOf, partsOf } from './searchKeys.ts'

/** How often a server looks for changed texts while it commits changes. Two intervals and a batch stay below a second. */
export const SEARCH_INDEX_INTERVAL_MS = 400
/** How often it looks without a commit of its own: another server may have ended before it indexed what it wrote. */
const OTHERS_INTERVAL_MS = 10_000
/** How long one call works. Further changes wait for the next call, because a server that stops must not wait for a backlog. */
const BUDGET_MS = 800
/** Texts of one batch, in number and in bytes: about 20 ms of this thread at most, and one transaction without waits. */
const BATCH = { texts: 500, bytes: 200_000 } as const

interface ChangedText {
  readonly id: number
  readonly issueId: string
  readonly sourceId: string
  /** Null, as every further field, when the issue is gone. */
  readonly companyId: string | null
  readonly segment: number | null
  readonly identifier: string
  readonly title: string
  readonly description: string | null
  readonly comment: string | null
  readonly documentTitle: string | null
  readonly document: string | null
}

const changedTexts = statement<{ limit: number }, ChangedText>('search_changed').read(sql`
  select id::float8 as id, "issueId", "sourceId", "companyId", segment, identifier, title, description, comment, "documentTitle", document
  from (${withinBytes({
    select: sql`select c.id, c.issue_id as "issueId", c.source_id as "sourceId", i.company_id as "companyId",
        ${segmentOf(sql`i.issue_number`)} as segment, i.identifier, i.title, i.description, m.body as comment,
        d.title as "documentTitle", d.body as document
      from (select * from ${issueSearchChanges} order by id limit ${param('limit', 'int')}) c
        left join ${issues} i on i.id = c.issue_id
        left join ${comments} m on m.id = c.source_id and m.issue_id = c.issue_id
        left join ${documents} d on d.id = c.source_id and d.issue_id = c.issue_id`,
    orderBy: sql`id`,
    size: sql`octet_length(coalesce(rows.description, rows.comment, rows.document, ''))`,
    maxBytes: BATCH.bytes,
  })}) batch order by id`)

/** Arrays of Postgres with one element for each text, but `allIds`. */
interface Keys {
  issueIds: string
  sourceIds: string
  /** Each as Postgres writes an array; null removes the text, or all texts of an issue that is gone. */
  keys: (string | null)[]
  companyIds: string
  segments: string
  /** The change after which the text was read. */
  changeIds: string
  allIds: string
}

// Servers that read the same changes write each text once: only the server that removes its last change writes it. So what an older reading found never
// replaces the keys of a newer text, whose change the older reading did not see.
const writeKeys = statement<Keys, { written: true }>('search_write_keys').unaudited(sql`
  with gone as (
    delete from ${issueSearchChanges} where id in (
      select id from ${issueSearchChanges} where id = any(${param('allIds', 'bigint[]')}) order by id for update skip locked)
    returning id),
  changed as (
    select t.* from unnest(${param('issueIds', 'uuid[]')}, ${param('sourceIds', 'uuid[]')}, ${param('keys', 'text[]')},
        ${param('companyIds', 'uuid[]')}, ${param('segments', 'int[]')}, ${param('changeIds', 'bigint[]')})
      as t (issue_id, source_id, keys, company_id, segment, change_id)
    where t.change_id in (select id from gone)),
  removed as (
    delete from ${issueSearch} s using changed where changed.keys is null and s.issue_id = changed.issue_id
      and (s.source_id = changed.source_id or changed.source_id = changed.issue_id)),
  segments as (
    insert into ${issueSearchSegments} (company_id, segment)
    select distinct company_id, segment from changed where keys is not null order by company_id, segment on conflict do nothing)
  insert into ${issueSearch} (issue_id, source_id, keys)
  select issue_id, source_id, keys::integer[] from changed where keys is not null order by issue_id, source_id
  on conflict (issue_id, source_id) do update set keys = excluded.keys returning true as written`)

const settle = statement<object, { pages: string }>('search_settle').unaudited(sql`select settle_issue_search() as pages`)

/** The keys of a text as an array of Postgres; null when the text is gone. */
function keysOfText(text: ChangedText): string | null {
  const { issueId, sourceId, companyId, segment } = text
  if (companyId === null || segment === null) return null
  const isIssue = issueId === sourceId
  if (!isIssue && text.comment === null && text.document === null) return null
  const title = isIssue ? `${text.identifier} ${text.title}` : ''
  const rest = isIssue ? (text.description ?? '') : (text.comment ?? `${text.documentTitle ?? ''} ${text.document}`)
  const keys = keysOf(partsOf(title), companyId, segment, 'title').concat(
    keysOf(partsOf(`${title} ${rest}`), companyId, segment, 'anywhere'),
  )
  return `{${keys.join()}}`
}

function keysOfTexts(changes: readonly ChangedText[]): Keys {
  const texts = [...new Map(changes.map((change) => [change.sourceId, change])).values()]
  return {
    issueIds: bareArray(texts.map(({ issueId }) => issueId)),
    sourceIds: bareArray(texts.map(({ sourceId }) => sourceId)),
    keys: texts.map(keysOfText),
    companyIds: bareArray(texts.map(({ companyId }) => companyId)),
    segments: bareArray(texts.map(({ segment }) => segment)),
    changeIds: bareArray(texts.map(({ id }) => id)),
    allIds: bareArray(changes.map(({ id }) => id)),
  }
}

const bytesOf = ({ description, comment, document }: ChangedText): number => Buffer.byteLength(description ?? comment ?? document ?? '')

/** Whether changes may be left behind a batch: it has as many texts, or as many bytes, as one may have. */
const isFull = (changes: readonly ChangedText[]): boolean =>
  changes.length >= BATCH.texts || changes.reduce((sum, change) => sum + bytesOf(change), 0) >= BATCH.bytes

/**
 * Brings the index of the search up to date with what was written and deleted, in batches, on any number of servers at once. Texts written
 * meanwhile are left for the next call: under load a call would otherwise go on with a few new texts at a time, and the statements of such a
 * batch cost more than its texts.
 * @returns whether changes are left, because there were more than fit into the time of one call
 */
export async function indexChangedTexts(store: Store): Promise<{ readonly isBehind: boolean }> {
  const startedAt = performance.now()
  for (let batches = 0; ; batches += 1) {
    const changes = await store.read.run(changedTexts, { limit: BATCH.texts })
    if (changes.length > 0) await writeUnaudited(store, writeKeys, keysOfTexts(changes))
    const mayBeLeft = isFull(changes)
    const isBehind = mayBeLeft && performance.now() - startedAt > BUDGET_MS
    if (mayBeLeft && !isBehind) continue
    if (batches > 0 || changes.length > 0) await writeUnaudited(store, settle, {})
    return { isBehind }
  }
}

/**
 * Creates the periodic task of the search, which says when texts are found late, and when no longer. A server indexes what it wrote
 * itself, so one that commits nothing asks the database rarely.
 */
export function createSearchIndexer(store: Store, log: Log): () => Promise<void> {
  let isDue = true
  let lookedAt = 0
  let wasBehind = false
  store.onCommit(() => (isDue = true))
  return async () => {
    if (!isDue && performance.now() - lookedAt < OTHERS_INTERVAL_MS) return
    // A commit while the changes are read may come too late for them.
    isDue = false
    try {
      const { isBehind } = await indexChangedTexts(store)
      if (isBehind && !wasBehind) log.info('the index of the search is behind: older texts are not found yet')
      if (!isBehind && wasBehind) log.info('the index of the search is complete again')
      wasBehind = isBehind
      isDue ||= isBehind
      lookedAt = performance.now()
    } catch (error) {
      isDue = true
      throw error
    }
  }
}
