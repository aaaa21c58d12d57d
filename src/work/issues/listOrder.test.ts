import { beforeAll, describe, expect, test } from 'vitest'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { issueStatus } from '../../model/issueStatus.ts'
import { listIssues } from './list.ts'
import type { IssueFilter } from './list.ts'
import { formOfList } from './listOrder.ts'
import { useOfNamed } from './namedIssues.ts'

const server = useServer()
let here: World
let ids: { agent: string; project: string; label: string }

const query = async (text: string, values: unknown[] = []): Promise<{ id: string }[]> =>
  (await server().database.sql.query<{ id: string }>(text, values)).rows

/** Issues in every status and priority. Some have the same time, so that their ids decide. */
async function plant(): Promise<void> {
  const { id: companyId } = here.company
  const agent = (await here.agent()).id
  const project = (await query(`insert into projects (company_id, name, url_key) values ($1, 'One', 'one') returning id`, [companyId]))[0]
    ?.id as string
  const label = (await query(`insert into labels (company_id, name, color) values ($1, 'one', '#000000') returning id`, [companyId]))[0]
    ?.id as string
  ids = { agent, project, label }
  await query(
    `insert into issues (company_id, title, issue_number, identifier, status, priority, assignee_agent_id, project_id, origin_kind, hidden_at, created_by_user_id, updated_at)
     select $1, 'Issue ' || i, 1000 + i, 'ORD-' || i, ($4::text[])[1 + i % 7], (array['critical', 'high', 'medium', 'low'])[1 + i / 3 % 4],
       case when i % 3 > 0 then $2::uuid end, case when i % 5 > 0 then $3::uuid end, case when i % 29 = 0 then 'routine_execution' else 'manual' end,
       case when i % 31 = 0 then now() end, 'creator', date_trunc('second', now()) - make_interval(secs => i * 37 % 40)
     from generate_series(1, 120) i`,
    [companyId, agent, project, [...issueStatus.statuses]],
  )
  await query(`insert into issue_labels (issue_id, label_id) select id, $2 from issues where company_id = $1 and issue_number % 4 > 0`, [
    companyId,
    label,
  ])
}

beforeAll(async () => {
  here = await world(server())
  await plant()
}, 120_000)

/** All ids that a list has, page by page. */
async function paged(filter: IssueFilter, limit: number): Promise<string[]> {
  const found: string[] = []
  for (let after: string | undefined; ;) {
    const page = await listIssues(server().store.read, here.company.id, filter, { limit, after })
    found.push(...page.items.map((row) => row.value().id))
    if (page.next === null) return found
    after = page.next
  }
}

const open = ['todo', 'in_progress', 'in_review', 'blocked'] as const

const reads: Record<string, () => [filter: IssueFilter, condition: string]> = {
  'no filter': () => [{}, 'true'],
  'one status': () => [{ status: ['done'] }, `status = 'done'`],
  'some statuses': () => [{ status: open }, `status = any('{${open.join()}}')`],
  'statuses and priorities': () => [
    { status: open, priority: ['low', 'high'] },
    `status = any('{${open.join()}}') and priority in ('low', 'high')`,
  ],
  'an agent': () => [{ assigneeAgentId: ids.agent }, `assignee_agent_id = '${ids.agent}'`],
  'an agent and a project': () => [
    { assigneeAgentId: ids.agent, projectId: ids.project },
    `assignee_agent_id = '${ids.agent}' and project_id = '${ids.project}'`,
  ],
  'a label': () => [{ labelId: ids.label }, `id in (select issue_id from issue_labels where label_id = '${ids.label}')`],
  'a label and statuses': () => [
    { labelId: ids.label, status: open },
    `status = any('{${open.join()}}') and id in (select issue_id from issue_labels where label_id = '${ids.label}')`,
  ],
  'a label, a creator and a project': () => [
    { labelId: ids.label, createdByUserId: 'creator', projectId: ids.project },
    `project_id = '${ids.project}' and id in (select issue_id from issue_labels where label_id = '${ids.label}')`,
  ],
  'a creator and a priority': () => [{ createdByUserId: 'creator', priority: ['medium'] }, `priority = 'medium'`],
  'a stranger': () => [{ touchedByUserId: 'stranger' }, 'false'],
}

test.each(Object.keys(reads).flatMap((name) => [2, 7, 50].map((limit) => [name, limit] as const)))(
  'The pages of a list by %s, %i at a time, are the list in its order, each issue once',
  async (name, limit) => {
    const [filter, condition] = reads[name]?.() ?? [{}, 'true']
    const expected = await query(
      `select id from issues where company_id = $1 and hidden_at is null and origin_kind <> 'routine_execution' and ${condition}
       order by priority_rank, updated_at desc, id desc`,
      [here.company.id],
    )
    expect(await paged(filter, limit)).toEqual(expected.map((row) => row.id))
    const counted = await listIssues(server().store.read, here.company.id, filter, { limit, page: 2 })
    expect(counted.items.map((row) => row.value().id)).toEqual(expected.slice(limit, 2 * limit).map((row) => row.id))
  },
)

describe('the way in which a list finds its page', () => {
  test('The fewest issues that are named are sorted, more go into a table, and the most are looked up one by one', () => {
    const use = (count: number, issues: number): string => useOfNamed({ count, issues, wanted: 51 })
    expect([0, 1, 500, 2000].map((count) => use(count, 1_000_000))).toEqual(['sort', 'sort', 'sort', 'sort'])
    expect([5000, 12_000].map((count) => use(count, 1_000_000))).toEqual(['table', 'table'])
    expect(use(12_001, 1_000_000)).toBe('lookUp')
    expect(use(3000, 3000)).toBe('lookUp')
    expect(use(3000, 100_000)).toBe('table')
  })

  test('A list goes by legs where an index has its order behind the status, and walks where a filter names too many to sort', () => {
    const form = (filters: string[], more: object = {}): string =>
      formOfList({ filters, named: {}, after: false, depth: 51, statuses: filters.includes('status') ? 2 : 0, ...more })
    expect([form([]), form(['goalId', 'status']), form(['q', 'status']), form(['status'], { depth: 5000 })]).toEqual(Array(4).fill('plain'))
    expect([form(['status']), form(['assigneeAgentId', 'priority']), form([], { after: true })]).toEqual(Array(3).fill('legs'))
    expect(form(['labelId'], { named: { labelId: 'table' } })).toBe('walk')
    expect(form(['labelId', 'status'], { named: { labelId: 'lookUp' } })).toBe('walkLegs')
    expect(form(['labelId', 'status'], { named: { labelId: 'lookUp' }, statuses: 6 })).toBe('walk')
    expect(form(['labelId', 'touchedByUserId'], { named: { labelId: 'lookUp', touchedByUserId: 'sort' } })).toBe('plain')
  })
})
