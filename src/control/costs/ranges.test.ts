import { beforeAll, describe, expect, test } from 'vitest'
import { addCostEvents } from '../../dev/testing/costEvents.ts'
import type { PlantedEvent } from '../../dev/testing/costEvents.ts'
import { seededRandom } from '../../dev/testing/seededRandom.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { statement } from '../../platform/db/statement.ts'
import { givenRange, partsOf, rangeParams } from './ranges.ts'
import type { RangeParams } from './ranges.ts'

const server = useServer()

interface Part {
  readonly grain: string
  readonly low: string
  readonly high: string
}

const readParts = statement<RangeParams, Part>('test_parts').read(partsOf(givenRange))

/** The parts of a range, by time. */
const partsBetween = async (from: string | null, to: string | null): Promise<string[]> => {
  const rows = await server().store.read.run(readParts, rangeParams('00000000-0000-0000-0000-000000000000', { from, to }))
  return rows.map(({ grain, low, high }) => `${low} ${grain} ${high}`).toSorted()
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
      expect(await partsBetween(from, to)).toEqual([`${from} month ${to}`])
  })

  test('A range with ragged ends has days beside the months, hours beside the days, and events beside the hours', async () => {
    expect(await partsBetween('2024-01-30T22:30:00.000Z', '2024-04-02T01:00:00.001Z')).toEqual([
      '2024-01-30T22:30:00.000Z event 2024-01-30T23:00:00.000Z',
      '2024-01-30T23:00:00.000Z hour 2024-01-31T00:00:00.000Z',
      '2024-01-31T00:00:00.000Z day 2024-02-01T00:00:00.000Z',
      '2024-02-01T00:00:00.000Z month 2024-04-01T00:00:00.000Z',
      '2024-04-01T00:00:00.000Z day 2024-04-02T00:00:00.000Z',
      '2024-04-02T00:00:00.000Z hour 2024-04-02T01:00:00.000Z',
      '2024-04-02T01:00:00.000Z event 2024-04-02T01:00:00.001Z',
    ])
  })

  test('A range within an hour reads events only, and one within a day no days', async () => {
    expect(await partsBetween('2024-02-29T10:10:00.000Z', '2024-02-29T10:20:00.000Z')).toEqual([
      '2024-02-29T10:10:00.000Z event 2024-02-29T10:20:00.000Z',
    ])
    expect(await partsBetween('2024-02-28T23:10:00.000Z', '2024-02-29T02:00:00.000Z')).toEqual([
      '2024-02-28T23:10:00.000Z event 2024-02-29T00:00:00.000Z',
      '2024-02-29T00:00:00.000Z hour 2024-02-29T02:00:00.000Z',
    ])
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

  const someInstant = (): string =>
    below(3) === 0 ? new Date(Date.parse(pick(edges)) + below(3) - 1).toISOString() : new Date(first + below(last - first)).toISOString()

  beforeAll(async () => {
    here = await world(server())
    const agents = [await here.agent(), await here.agent()]
    const runs = Array.from({ length: 40 }, () => crypto.randomUUID())
    events = Array.from({ length: 1500 }, (_, index): PlantedEvent => ({
      agentId: pick(agents).id,
      occurredAt: someInstant(),
      microcents: below(3_000_000),
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

  test(
    'It is that of the events between random ends, which lie on the edges of months, days and hours as well',
    { timeout: 120_000 },
    async () => {
      for (let round = 0; round < 150; round++) {
        const [one, other] = [someInstant(), someInstant()].toSorted() as [string, string]
        const from = below(8) === 0 ? null : one
        const to = below(8) === 0 || one === other ? null : other
        const query = new URLSearchParams({ ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) })
        const wanted = events.filter(({ occurredAt }) => isIn(occurredAt, from, to))
        const sum = (of: (event: PlantedEvent) => number): number => wanted.reduce((total, event) => total + of(event), 0)
        const answer = await server().board.get(`/api/companies/${here.company.id}/costs/summary?${query.toString()}`)
        expect(answer.status, answer.text).toBe(200)
        expect(answer.body, `${from} to ${to}`).toMatchObject({
          spendCents: Math.round(sum(({ microcents = 0 }) => microcents) / 1_000_000),
          unpricedEventCount: sum(({ isPriced }) => (isPriced === true ? 0 : 1)),
        })
        const byModel = await server().board.get(`/api/companies/${here.company.id}/costs/by-agent-model?${query.toString()}`)
        const tokens = (byModel.body as { inputTokens: number }[]).reduce((total, row) => total + row.inputTokens, 0)
        expect(tokens).toBe(sum(({ inputTokens = 0 }) => inputTokens))
      }
    },
  )

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
