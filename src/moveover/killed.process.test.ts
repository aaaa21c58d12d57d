import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { createPaperclipSource } from '../dev/testing/paperclipSource.ts'
import { plantCompany } from '../dev/testing/plantedCompany.ts'
import type { PaperclipSource } from '../dev/testing/paperclipSource.ts'
import { tsx } from '../dev/testing/serverProcess.ts'
import { useServer } from '../dev/testing/world.ts'

const server = useServer()
const fixture = path.join(import.meta.dirname, 'killed.fixture.ts')

/** Rows of each of the large tables: several batches of each. */
const ROWS = 1100

/** Plants enough issues, comments and activity for several batches of each. */
async function plantMany(source: PaperclipSource, id: string, prefix: string): Promise<void> {
  const numbered = `generate_series(100, ${99 + ROWS}) n`
  await source.sql.query(
    `insert into issues (id, company_id, issue_number, identifier, title, status, priority, origin_kind, request_depth, created_at, updated_at)
     select gen_random_uuid(), $1, n, $2 || '-' || n, 'Issue ' || n, 'todo', 'low', 'manual', 0, now() - n * interval '1 minute', now() from ${numbered}`,
    [id, prefix],
  )
  await source.sql.query(
    `insert into issue_comments (id, company_id, issue_id, body, author_user_id, created_at, updated_at)
     select gen_random_uuid(), $1, i.id, 'Comment', 'local-board', now() - i.issue_number * interval '1 second', now() from issues i where company_id = $1`,
    [id],
  )
  await source.sql.query(
    `insert into activity_log (id, company_id, actor_type, actor_id, action, entity_type, entity_id, created_at)
     select gen_random_uuid(), $1, 'user', 'local-board', 'issue.created', 'issue', i.id::text, i.created_at from issues i where company_id = $1`,
    [id],
  )
}

/** Starts a move. @param part the part in which it is killed; null lets it end by itself @param moment when, from the beginning of the part */
async function moveInProcess(from: string, part: string | null, moment: () => Promise<unknown>): Promise<'killed' | 'whole'> {
  const argument = JSON.stringify({ from, target: server().database.connection })
  const child = spawn(process.execPath, ['--import', tsx, fixture, argument], { stdio: ['ignore', 'pipe', 'inherit'] })
  let isWhole = false
  const kill = (): void => void child.kill('SIGKILL')
  createInterface(child.stdout).on('line', (line) => {
    isWhole ||= line === 'whole'
    if (part !== null && line.endsWith(`: ${part}`)) moment().then(kill, kill)
  })
  const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return isWhole && signal === null ? 'whole' : 'killed'
}

/** A moment within the time that a part takes. */
const anyMoment = () => sleep(Math.random() * 150)

const counts = async (companyId: string): Promise<Record<string, number>> => {
  const { rows } = await server().database.sql.query<Record<string, number>>(
    `select (select count(*)::int from issues where company_id = $1) as issues, (select count(*)::int from issue_comments where company_id = $1) as comments,
       (select count(*)::int from heartbeat_runs where company_id = $1) as runs, (select count(*)::int from cost_events where company_id = $1) as costs,
       (select count(*)::int from activity_log where company_id = $1 and action = 'activity.moved_over') as entries,
       (select count(distinct details ->> 'originalId')::int from activity_log where company_id = $1 and action = 'activity.moved_over') as "distinctEntries",
       (select coalesce(sum((details ->> 'rows')::int), 0)::int from activity_log where company_id = $1 and action = 'company.rows_moved_over' and details ->> 'table' = 'issues') as "auditedIssues"`,
    [companyId],
  )
  return rows[0] ?? {}
}

test(
  'A move that is killed in the middle of a part leaves whole batches, and the next one brings the rest once',
  { timeout: 120_000 },
  async () => {
    const source = await createPaperclipSource()
    onTestFinished(() => source.drop())
    const { id, prefix } = await plantCompany(source)
    await plantMany(source, id, prefix)
    const kills = isFullCheck ? ['agents', 'issues', 'issues', 'comments', 'comments', 'costs', 'activity', 'activity'] : ['issues']
    // A batch of issues is there, and others are not.
    const firstBatch = () => expect.poll(async () => (await counts(id)).issues).toBeGreaterThan(0)
    for (const part of kills) {
      const end = await moveInProcess(source.url, part, isFullCheck ? anyMoment : firstBatch)
      if (part === 'issues') expect(end).toBe('killed')
      const { issues, auditedIssues, entries, distinctEntries } = await counts(id)
      // A batch and its audit row are there together or not at all.
      expect([auditedIssues, distinctEntries]).toEqual([issues, entries])
    }
    expect(await moveInProcess(source.url, null, anyMoment)).toBe('whole')
    const all = ROWS + 3
    expect(await counts(id)).toEqual({
      issues: all,
      comments: all + 1,
      runs: 2,
      costs: 1,
      entries: all + 2,
      distinctEntries: all + 2,
      auditedIssues: all,
    })
  },
)
