import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { issues } from '../../model/issues.ts'
import { issueSearch, issueSearchChanges, issueSearchSegments, segmentOf } from '../../model/issueSearch.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { ReadDb } from '../../platform/db/types.ts'
import { askedWords, keysOf } from './searchKeys.ts'

// A word that every issue has is found a million times. So a search does not rank all matches, but candidates: the issues with the
// highest numbers that the index finds, those with all words in the title before the others (decision 0053).

/** The most candidates of each kind. */
const MAX_CANDIDATES = 500
/** The most texts with the rarest word of several, among which the issues with the other words elsewhere are found. */
const MAX_SPREAD_TEXTS = 2000
/** Changed texts that are read without the index, because it does not know them yet. */
const MAX_CHANGES = 200
/** So many of the issues that the other filters leave are looked up in the index one by one. When those are all, the texts are not needed. */
const MAX_FILTERED = 2000
/** The most texts with the words whose issues are matched with the other filters: of a common word and a rare filter, one in thousands. */
const MAX_EXAMINED = 2000
/** The newest segments, whose titles are looked at before all texts: a common word has its candidates there. One of them is full. */
const NEAREST_SEGMENTS = 2

const count = (most: number): SQL => sql.raw(String(most))

/** The parameters by which the statement of a list finds the candidates of a search. */
export interface SearchParams {
  /** For each segment, the newest first, the keys of a title with all words. As Postgres writes an array. */
  readonly titleKeys: readonly string[]
  /** The same for any text. */
  readonly textKeys: readonly string[]
  /** The segments themselves. */
  readonly segments: readonly number[]
  /** The keys of the rarest word, or of the only one. */
  readonly nominatingKeys: readonly string[]
  /** The keys of the rarest word; none for a search for one word. */
  readonly rarestKeys: readonly string[]
  /** An identifier that is the whole text of the search. */
  readonly askedIdentifier: string
  /** The search has no word of the index, so it looks through the beginning of the list. */
  readonly isWithoutWords: boolean
}

const segments = statement<{ companyId: string }, { segment: number }>('search_segments').read(sql`
  select segment from ${issueSearchSegments} where company_id = ${param('companyId', 'uuid')} order by segment desc`)

const wordCounts = statement<{ keys: readonly string[] }, { texts: number }>('search_word_counts').read(sql`
  select (select count(*)::int from (select from ${issueSearch} where ${issueSearch.keys} @> word.keys::integer[] limit ${count(MAX_CANDIDATES)}) t) as texts
  from unnest(${param('keys', 'text[]')}) with ordinality as word (keys, place) order by place`)

const arrayText = (keys: readonly number[]): string => `{${keys.join()}}`

/** Reads what the search for some words needs. @param words without the wildcards of `like` */
export async function prepareSearch(db: ReadDb, companyId: string, words: readonly string[]): Promise<SearchParams> {
  const asked = askedWords(words)
  const parts = [...new Set(asked.flat())]
  const places = asked.length === 0 ? [] : (await db.run(segments, { companyId })).map(({ segment }) => segment)
  const keysIn = (of: readonly string[], place: 'title' | 'anywhere'): string[] =>
    places.map((segment) => arrayText(keysOf(of, companyId, segment, place)))
  const textKeys = keysIn(parts, 'anywhere')
  const rarestKeys =
    asked.length < 2 || places.length === 0 ? [] : keysIn(await rarestOf(db, companyId, asked, places[0] as number), 'anywhere')
  return {
    titleKeys: keysIn(parts, 'title'),
    textKeys,
    segments: places,
    nominatingKeys: rarestKeys.length > 0 ? rarestKeys : textKeys,
    rarestKeys,
    askedIdentifier: words.join(' ').toUpperCase(),
    isWithoutWords: asked.length === 0,
  }
}

/** The parts of the word that the fewest texts of the newest segment have. */
async function rarestOf(db: ReadDb, companyId: string, asked: readonly string[][], newest: number): Promise<string[]> {
  const counts = await db.run(wordCounts, { keys: asked.map((parts) => arrayText(keysOf(parts, companyId, newest, 'anywhere'))) })
  const texts = counts.map((row) => row.texts)
  return asked[texts.indexOf(Math.min(...texts))] as string[]
}

/** Issues of the row `found` that match the other conditions. One look-up each, so the order of the segments stays. */
const matching = (where: SQL): SQL => sql`cross join lateral (
  select "issues"."id" from ${issues} where "issues"."id" = found.issue_id and ${where} limit 1) matching`

/** The texts with the keys of some segments, in the order of the segments. @param which a condition, as on `segment.place`, which begins at 1 */
const textsWith = (keys: string, which: SQL): SQL => sql`
  select found.issue_id, segment.place from unnest(${param(keys, 'text[]')}) with ordinality as segment (keys, place)
    cross join lateral (select issue_id from ${issueSearch} where ${issueSearch.keys} @> segment.keys::integer[]) found
    where ${which} order by segment.place limit ${count(MAX_EXAMINED)}`

/** The issues of such texts that match the other conditions. @param texts a subquery or the name of one */
const issuesOf = (texts: SQL, where: SQL, most: SQL): SQL =>
  sql`select matching.id from ${texts} found ${matching(where)} order by found.place limit ${most}`

// Without the `||` the planner may ask the index for all texts with the words, once for each issue.
const narrowed = sql`select filtered.id from filtered
  join unnest(${param('segments', 'integer[]')}, ${param('nominatingKeys', 'text[]')}) as segment (segment, keys) on segment.segment = ${segmentOf(sql`filtered.issue_number`)}
  where (select true from ${issueSearch} s where s.issue_id = filtered.id and (s.keys || '{}') @> segment.keys::integer[] limit 1)
  order by filtered.issue_number desc limit ${count(MAX_CANDIDATES)}`

/**
 * The ids of the issues that a search may find, as an array: the index names them, and the list then reads their texts.
 * @param where the conditions of the list without the search
 * @param filtered the same in a form that finds the issues by them; null: they are no more than the company and what every list leaves out
 * @param areCertainlyMany `filtered` does not find all of them
 */
export function searchCandidates(where: SQL, filtered: SQL | null, areCertainlyMany: boolean): SQL {
  const areMany = filtered === null || areCertainlyMany ? sql`true` : sql`(select count(*) from filtered) > ${count(MAX_FILTERED)}`
  const filteredIssues = sql`filtered as materialized (
    select "issues"."id", "issues"."issue_number" from ${issues} where ${filtered} limit ${count(MAX_FILTERED + 1)}),`
  const counted = (name: string): SQL => sql`(select count(*) from ${sql.raw(name)})`
  const most = count(MAX_CANDIDATES)
  const withNarrowed = (found: SQL): SQL => (filtered === null ? found : sql`(${found} + ${counted('narrowed')})`)
  const isNearEnough = sql`${withNarrowed(counted('near_titled'))} >= ${most}`
  // A common word is found with few issues looked at.
  const found = withNarrowed(sql`(${counted('near_titled')} + ${counted('far_titled')})`)
  // The keys of a title are among those of the issue's text. So when all texts with the words were seen, and all their issues are candidates,
  // the titles of the other segments name no further issue: of a rare word each segment is looked at once, and not twice.
  const hasAllTexts = sql`(not ${isNearEnough} and ${counted('examined')} < ${count(MAX_EXAMINED)} and ${counted('texts')} < ${most})`
  // Fewer texts than candidates need no look at their issues: the list itself leaves out what does not match.
  const areFew = sql`${counted('examined')} < ${most}`
  const texts =
    filtered === null
      ? sql`select distinct issue_id as id from examined where ${areFew} union all
          select id from (${issuesOf(sql`(select * from examined where not (${areFew}) order by place)`, where, most)}) t`
      : issuesOf(sql`examined`, where, most)
  // With other filters each text costs a look at its issue, so no more titles are looked at than are needed.
  const isNear = filtered === null ? sql`segment.place <= ${count(NEAREST_SEGMENTS)}` : sql`true`
  return sql`array(with ${filtered === null ? sql`` : sql`${filteredIssues} narrowed as materialized (${narrowed}),`}
    near_titled as materialized (
      ${issuesOf(sql`(${textsWith('titleKeys', sql`${areMany} and ${isNear}`)})`, where, most)}),
    examined as materialized (${textsWith('textKeys', sql`${areMany} and not ${isNearEnough}`)}),
    texts as materialized (${texts}),
    far_titled as materialized (
      ${issuesOf(
        sql`(${textsWith('titleKeys', sql`${areMany} and not ${hasAllTexts} and not (${isNear})`)})`,
        where,
        sql`(${most} - ${counted('near_titled')})`,
      )}),
    spread as (
      select matching.id from (
        select found.issue_id from unnest(${param('rarestKeys', 'text[]')}) with ordinality as segment (keys, place)
        cross join lateral (select issue_id from ${issueSearch} where ${issueSearch.keys} @> segment.keys::integer[]) found
        order by segment.place limit ${count(MAX_SPREAD_TEXTS)}) found ${matching(where)}
      where ${areMany} and ${found} < ${most} and ${counted('texts')} < ${most}),
    first_listed as (
      select "issues"."id" from ${issues} where "issues"."company_id" = ${param('companyId', 'uuid')} and ${where} and ${param('isWithoutWords', 'boolean')}
      order by "issues"."priority_rank", "issues"."updated_at" desc, "issues"."id" desc limit ${count(MAX_CANDIDATES)})
    select id from near_titled union select id from far_titled union select id from texts where ${found} < ${most}
    union select id from spread union select id from first_listed
    ${filtered === null ? sql`` : sql`union select id from narrowed`}
    union select issue_id from (select issue_id from ${issueSearchChanges} order by id desc limit ${count(MAX_CHANGES)}) changed
    union select "issues"."id" from ${issues} where "issues"."identifier" = ${param('askedIdentifier', 'text')})`
}
