import { getTableColumns } from 'drizzle-orm'
import { beforeAll, describe, expect, test } from 'vitest'
import { addCostEvents, CENT } from '../../dev/testing/costEvents.ts'
import type { PlantedEvent } from '../../dev/testing/costEvents.ts'
import { seededRandom } from '../../dev/testing/seededRandom.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { costRollups } from '../../model/costs.ts'
import { statement } from '../../platform/db/statement.ts'
import { givenRange, partsOf, rangeParams } from './ranges.ts'
import type { RangeParams } from './ranges.ts'

const server = useServer()

interface Part {
  readonly grain: string
  readonly low: string
  readonly high: string
  readonly sign: number
}

const readParts = statement<RangeParams, Part>('test_parts').read(partsOf(givenRange))

/** The parts of a range, by time, each with its sign. */
const partsBetween = async (from: string | null, to: string | null): Promise<string[]> => {
  const rows = await server().store.read.run(readParts, rangeParams('00000000-0000-0000-0000-000000000000', { from, to }))
  return rows
    .toSorted((one, other) => (one.low + one.high < other.low + other.high ? -1 : 1))
    .map(({ grain, low, high, sign }) => `${sign > 0 ? '+' : '-'} ${low} ${grain} ${high}`)
}

describe('the parts of a range', () => {
  test('A range without ends is one part of months', async () => {
    const rows = await server().store.read.run(readParts, rangeParams('00000000-0000-0000-0000-000000000000', {}))
    expect(rows.map(({ grain }) => grain)).toEqual(['month'])
  })

  test('A range of whole months is one part, also over a leap day and the end of a year', async () => {
    for (const [from, to] of [
      ['2024-02-01T00:00:00.000Z', '2024-03-01T00:00:00.000Z'],
      ['2023-12-01T00:00:00.000Z', '2024-03-01T00:00:00.000Z'],
    ] as const)
      expect(await partsBetween(from, to)).toEqual([`+ ${from} month ${to}`])
  })

  test('A range with ragged ends has smaller units beside the larger ones, and events beside the smallest', async () => {
    expect(await partsBetween('2024-01-30T20:25:00.000Z', '2024-04-02T03:20:00.001Z')).toEqual([
      '- 2024-01-30T20:20:00.000Z event 2024-01-30T20:25:00.000Z',
      '+ 2024-01-30T20:20:00.000Z 20m 2024-01-30T21:00:00.000Z',
      '+ 2024-01-30T21:00:00.000Z 3h 2024-01-31T00:00:00.000Z',
      '+ 2024-01-31T00:00:00.000Z day 2024-02-01T00:00:00.000Z',
      '+ 2024-02-01T00:00:00.000Z month 2024-04-01T00:00:00.000Z',
      '+ 2024-04-01T00:00:00.000Z day 2024-04-02T00:00:00.000Z',
      '+ 2024-04-02T00:00:00.000Z 3h 2024-04-02T03:00:00.000Z',
      '+ 2024-04-02T03:00:00.000Z 20m 2024-04-02T03:20:00.000Z',
      '+ 2024-04-02T03:20:00.000Z event 2024-04-02T03:20:00.001Z',
    ])
  })

  test('An end behind the middle of a unit is read from behind, and what lies behind it is taken away', async () => {
    expect(await partsBetween('2024-01-01T00:00:00.000Z', '2024-03-20T20:15:00.000Z')).toEqual([
      '+ 2024-01-01T00:00:00.000Z month 2024-04-01T00:00:00.000Z',
      '- 2024-03-20T20:15:00.000Z event 2024-03-20T20:20:00.000Z',
      '- 2024-03-20T20:20:00.000Z 20m 2024-03-20T21:00:00.000Z',
      '- 2024-03-20T21:00:00.000Z 3h 2024-03-21T00:00:00.000Z',
      '- 2024-03-21T00:00:00.000Z day 2024-04-01T00:00:00.000Z',
    ])
  })

  test('A short range is read directly, by units of one size', async () => {
    for (const [from, grain, to] of [
      ['2024-02-29T10:08:00.000Z', 'event', '2024-02-29T10:13:00.000Z'],
      ['2024-02-28T10:20:00.000Z', '20m', '2024-02-28T11:20:00.000Z'],
      ['2024-02-28T09:00:00.000Z', '3h', '2024-02-28T15:00:00.000Z'],
      ['2024-02-10T00:00:00.000Z', 'day', '2024-02-15T00:00:00.000Z'],
    ] as const)
      expect(await partsBetween(from, to)).toEqual([`+ ${from} ${grain} ${to}`])
  })

  test('A range that ends now is read from behind in all units, because nothing has happened there yet', async () => {
    const rows = await server().database.sql.query<{ now: string }>('select now()::timestamptz(3) as now')
    const now = new Date(rows.rows[0]?.now ?? '').toISOString()
    const parts = await partsBetween('2024-01-01T00:00:00.000Z', now)
    expect(parts.filter((part) => part.startsWith('+'))).toEqual([expect.stringMatching(/^\+ 2024-01-01T00:00:00.000Z month /)])
    for (const part of parts.slice(1)) expect((part.split(' ')[1] ?? '') >= now, part).toBe(true)
  })
})

describe('the sum of a range', () => {
  const { next, pick } = seededRandom(13)
  const below = (limit: number): number => Math.floor(next() * limit)
  let here: World
  let events: PlantedEvent[]

  /** Instants at which units begin and end, and the milliseconds around them. */
  const edges = [
    '2023-12-31T23:59:59.999Z',
    '2024-01-01T00:00:00.000Z',
    '2024-01-31T23:00:00.000Z',
    '2024-02-01T00:00:00.000Z',
    '2024-02-28T23:59:59.999Z',
    '2024-02-29T00:00:00.000Z',
    '2024-02-29T23:59:59.999Z',
    '2024-03-01T00:00:00.000Z',
    // The hours in which clocks change in many countries are ordinary ones in UTC.
    '2024-03-31T01:00:00.000Z',
    '2024-03-31T02:00:00.000Z',
    '2024-04-01T00:00:00.000Z',
  ]
  const first = Date.parse('2023-12-30T00:00:00Z')
  const last = Date.parse('2024-04-02T00:00:00Z')

  const within = (start: number, length: number): string => new Date(start + below(length)).toISOString()
  const HOUR_MS = 3_600_000

  /** Any instant of three months; the edges of units; two hours with many events; and the hours around the present, behind which there are few. */
  const someInstant = (): string =>
    pick([
      () => within(first, last - first),
      () => within(Date.parse(pick(edges)) - 1, 3),
      () => within(Date.parse('2024-02-14T10:00:00Z'), 2 * HOUR_MS),
      () => within(Date.now() - 30 * HOUR_MS, 40 * HOUR_MS),
    ])()

  beforeAll(async () => {
    here = await world(server())
    const agents = [await here.agent(), await here.agent()]
    const projectIds = [null, crypto.randomUUID(), crypto.randomUUID()]
    const runs = Array.from({ length: 40 }, () => crypto.randomUUID())
    events = Array.from({ length: 1500 }, (_, index): PlantedEvent => ({
      agentId: pick(agents).id,
      projectId: pick(projectIds),
      occurredAt: someInstant(),
      // One in ten is a correction.
      ...(below(10) === 0 ? { correctsId: crypto.randomUUID(), microcents: -below(3_000_000) } : { microcents: below(3_000_000) }),
      inputTokens: below(1000),
      outputTokens: below(100),
      billingType: pick(['metered_api', 'subscription_included']),
      model: pick(['small', 'large']),
      isPriced: below(10) > 0,
      runId: runs[index % 100] ?? null,
    }))
    // A run reports an event at a time, so each transaction has one of it at most.
    for (let start = 0; start < events.length; start += 100)
      await addCostEvents(server(), here.company.id, events.slice(start, start + 100))
  })

  const isIn = (at: string, from: string | null, to: string | null): boolean => (from === null || at >= from) && (to === null || at < to)

  type Sums = Readonly<Record<'costCents' | 'inputTokens' | 'outputTokens' | 'unpricedEventCount', number>>
  const sumsOf = (of: readonly PlantedEvent[]): Sums => {
    const sum = (field: (event: PlantedEvent) => number): number => of.reduce((total, event) => total + field(event), 0)
    return {
      // As the database rounds: a half away from zero.
      costCents: Math.sign(sum(({ microcents = 0 }) => microcents)) * Math.round(Math.abs(sum(({ microcents = 0 }) => microcents)) / CENT),
      inputTokens: sum(({ inputTokens = 0 }) => inputTokens),
      outputTokens: sum(({ outputTokens = 0 }) => outputTokens),
      unpricedEventCount: sum(({ isPriced }) => (isPriced === true ? 0 : 1)),
    }
  }

  /** The rows of a list as text, one for each key that has events. */
  const wantedRows = (of: readonly PlantedEvent[], keys: readonly (keyof PlantedEvent)[]): string[] => {
    const rows = new Map<string, PlantedEvent[]>()
    for (const event of of) {
      const key = JSON.stringify(keys.map((name) => event[name]))
      rows.set(key, [...(rows.get(key) ?? []), event])
    }
    return [...rows].map(([key, group]) => JSON.stringify([key, sumsOf(group)])).toSorted()
  }

  const readRows = async (list: string, query: string, keys: readonly string[]): Promise<string[]> => {
    const answer = await server().board.get(`/api/companies/${here.company.id}/costs/${list}?${query}`)
    expect(answer.status, answer.text).toBe(200)
    return (answer.body as (Sums & Record<string, unknown>)[])
      .map(({ costCents, inputTokens, outputTokens, unpricedEventCount, ...row }) =>
        JSON.stringify([JSON.stringify(keys.map((key) => row[key])), { costCents, inputTokens, outputTokens, unpricedEventCount }]),
      )
      .toSorted()
  }

  test(
    'It is that of the events between random ends, on the edges of units, in full hours and around the present as well',
    { timeout: 120_000 },
    async () => {
      for (let round = 0; round < 150; round++) {
        const [one, other] = [someInstant(), someInstant()].toSorted() as [string, string]
        const from = below(8) === 0 ? null : one
        const to = below(8) === 0 || one === other ? null : other
        const query = new URLSearchParams({ ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) }).toString()
        const wanted = events.filter(({ occurredAt }) => isIn(occurredAt, from, to))
        const { costCents: spendCents, unpricedEventCount } = sumsOf(wanted)
        const answer = await server().board.get(`/api/companies/${here.company.id}/costs/summary?${query}`)
        expect(answer.status, answer.text).toBe(200)
        expect(answer.body, query).toMatchObject({ spendCents, unpricedEventCount })
        for (const [list, keys] of [
          ['by-agent', ['agentId']],
          ['by-agent-model', ['agentId', 'billingType', 'model']],
          ['by-project', ['projectId']],
          ['by-provider', ['billingType', 'model']],
        ] as const)
          expect(await readRows(list, query, keys), `${list} ${query}`).toEqual(wantedRows(wanted, keys))
      }
    },
  )

  test('An agent or a model without events in a range has no row and is not counted, although a larger unit has its events', async () => {
    const other = await world(server())
    const [one, two] = [await other.agent(), await other.agent()]
    await addCostEvents(server(), other.company.id, [
      { agentId: one.id, occurredAt: '2024-02-14T10:05:00.000Z', model: 'small', microcents: 5 * CENT },
      { agentId: two.id, occurredAt: '2024-02-14T10:15:00.000Z', model: 'large', microcents: 7 * CENT },
    ])
    const read = async (list: string, to: string): Promise<unknown> =>
      (await server().board.get(`/api/companies/${other.company.id}/costs/${list}?to=${to}`)).body
    // The end lies near the end of its twenty minutes, so these are read, and their last events are taken away.
    for (const to of ['2024-02-14T10:15:00.000Z', '2024-02-14T10:12:00.000Z', '2024-02-14T10:14:59.999Z']) {
      expect(await read('by-agent', to)).toMatchObject([{ agentId: one.id, costCents: 5 }])
      expect(await read('by-biller', to)).toMatchObject([{ modelCount: 1, providerCount: 1 }])
    }
    expect(await read('by-biller', '2024-02-14T10:18:00.000Z')).toMatchObject([{ modelCount: 2 }])
  })

  test('The sums have their columns in the order of their table, so that each of its rows is read as a whole', async () => {
    const { rows } = await server().database.sql.query<{ name: string }>(
      `select attname as name from pg_attribute where attrelid = 'cost_rollups'::regclass and attnum > 0 order by attnum`,
    )
    expect(Object.values(getTableColumns(costRollups)).map(({ name }) => name)).toEqual(rows.map(({ name }) => name))
  })

  test('A run counts once for each class of billing, in one part of a divided range', async () => {
    const runs = async (query: string): Promise<[number, number]> => {
      const { body } = await server().board.get(`/api/companies/${here.company.id}/costs/by-biller?${query}`)
      const rows = body as { apiRunCount: number; subscriptionRunCount: number }[]
      return [rows.reduce((sum, row) => sum + row.apiRunCount, 0), rows.reduce((sum, row) => sum + row.subscriptionRunCount, 0)]
    }
    const distinct = (type: string): number =>
      new Set(events.filter(({ billingType, runId }) => billingType === type && runId !== null).map(({ runId }) => runId)).size
    const all = [distinct('metered_api'), distinct('subscription_included')]
    expect(await runs('')).toEqual(all)
    for (let round = 0; round < 30; round++) {
      const middle = someInstant()
      const [before, behind] = [await runs(`to=${middle}`), await runs(`from=${middle}`)]
      expect([before[0] + behind[0], before[1] + behind[1]], middle).toEqual(all)
    }
  })
})
