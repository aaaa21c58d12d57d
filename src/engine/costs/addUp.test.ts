import { beforeEach, expect, test } from 'vitest'
import { addCostEvents, CENT } from '../../dev/testing/costEvents.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { addUpCosts } from './addUp.ts'

const server = useServer()
const HOUR_MS = 3_600_000

let here: World
let agentId: string
beforeEach(async () => {
  here = await world(server())
  agentId = (await here.agent()).id
})

interface Sums {
  readonly grain: string
  readonly rows: number
  readonly shards: number
  readonly microcents: string
  readonly events: string
}

/** The sums of a company by unit: all of them, or those that begin some hours ago or earlier. */
const sumsOf = async (hoursAgo = -1): Promise<readonly Sums[]> => {
  const { rows } = await server().database.sql.query<Sums>(
    `select grain, count(*)::int as rows, count(distinct shard)::int as shards, sum(microcents)::text as microcents, sum(event_count)::text as events
     from cost_rollups where company_id = $1 and bucket <= now() - make_interval(hours => $2) group by grain order by grain`,
    [here.company.id, hoursAgo],
  )
  return rows
}

const totals = (sums: readonly Sums[]) => sums.map(({ grain, microcents, events }) => ({ grain, microcents, events }))

const nowOfDatabase = async (): Promise<number> => {
  const { rows } = await server().database.sql.query<{ now: string }>('select now()')
  return Date.parse(rows[0]?.now ?? '')
}

/** Events of the last 50 hours. */
const plantHours = async (count: number): Promise<void> => {
  const end = await nowOfDatabase()
  const events = Array.from({ length: count }, (_, n) => ({
    agentId,
    microcents: CENT + n,
    inputTokens: n,
    occurredAt: new Date(end - (n % 50) * HOUR_MS).toISOString(),
  }))
  await addCostEvents(server(), here.company.id, events)
}

test('Divided sums of what is over are added up to one row each, the totals stay, and those of the last hour stay divided', async () => {
  await plantHours(1000)
  const before = await sumsOf()
  await addUpCosts(server().store)
  expect(totals(await sumsOf())).toEqual(totals(before))
  const { rows } = await server().database.sql.query<{ divided: number; whole: number }>(
    `select count(*) filter (where shard > 0)::int as divided, count(*) filter (where shard = 0)::int as whole
     from cost_rollups where company_id = $1 and grain = '20m' and bucket < now() - interval '3 hours'`,
    [here.company.id],
  )
  expect(rows[0]?.divided).toBe(0)
  expect(rows[0]?.whole).toBeGreaterThan(40)
  expect(before.find(({ grain }) => grain === '20m')?.shards).toBe(4)
  // The four of what is not over, and that of what is.
  expect((await sumsOf()).find(({ grain }) => grain === '20m')?.shards).toBe(5)
})

test('A late event begins a row again, which is added up the next time', async () => {
  await plantHours(200)
  await addUpCosts(server().store)
  await plantHours(200)
  const before = await sumsOf()
  await addUpCosts(server().store)
  expect(totals(await sumsOf())).toEqual(totals(before))
  expect((await sumsOf(3)).find(({ grain }) => grain === '20m')?.shards).toBe(1)
})

test('No event is counted in the row of what is over, so each of these rows is written anew, with its neighbors in the order of the key', async () => {
  const occurredAt = new Date((await nowOfDatabase()) - 5 * HOUR_MS).toISOString()
  // Numbers that are spread over the order of the key, so that events come in another order.
  const models = Array.from({ length: 240 }, (_, n) => `model ${((n * 97) % 240) + 1000}`)
  const report = async (model: string): Promise<void> => {
    const body = { agentId, provider: 'anthropic', model, billingType: 'metered_api', costCents: 1, occurredAt }
    const answer = await server().board.post(`/api/companies/${here.company.id}/cost-events`, body)
    expect(answer.status, answer.text).toBe(201)
  }
  while (models.length > 0) await Promise.all(models.splice(0, 20).map(report))
  const { sql } = server().database
  const divided = await sql.query<{ shard: number }>('select distinct shard from cost_rollups where company_id = $1 order by shard', [
    here.company.id,
  ])
  for (const { shard } of divided.rows) expect([1, 2, 3, 4]).toContain(shard)
  await addUpCosts(server().store)
  const { rows } = await sql.query<{ rows: number; pages: number; changes: number }>(
    `select count(*)::int as rows, count(distinct page)::int as pages, count(*) filter (where page <> last)::int as changes
     from (select page, lag(page) over (order by model) as last
       from (select model, (ctid::text::point)[0] as page from cost_rollups where company_id = $1 and grain = '20m') placed) ordered`,
    [here.company.id],
  )
  expect(rows[0]?.rows).toBe(240)
  expect(rows[0]?.pages).toBeLessThan(12)
  expect(rows[0]?.changes).toBe((rows[0]?.pages ?? 0) - 1)
})

test('Servers that add up at once while late events are reported count each event once in every sum', async () => {
  await plantHours(400)
  const end = await nowOfDatabase()
  const report = async (n: number): Promise<void> => {
    const answer = await server().board.post(`/api/companies/${here.company.id}/cost-events`, {
      agentId,
      provider: 'anthropic',
      model: 'claude',
      billingType: 'metered_api',
      costCents: 1,
      occurredAt: new Date(end - (n % 5) * HOUR_MS).toISOString(),
    })
    expect(answer.status, answer.text).toBe(201)
  }
  await Promise.all([
    ...Array.from({ length: 120 }, async (_, n) => await report(n)),
    ...Array.from({ length: 12 }, async () => await addUpCosts(server().store)),
  ])
  const { rows } = await server().database.sql.query<{ events: string; microcents: string }>(
    'select count(*)::text as events, sum(microcents)::text as microcents from cost_events where company_id = $1',
    [here.company.id],
  )
  expect(rows[0]?.events).toBe('520')
  expect(totals(await sumsOf())).toEqual(['20m', '3h', 'day', 'month'].map((grain) => ({ grain, ...rows[0] })))
})
