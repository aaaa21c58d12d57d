import { describe, expect, test } from 'vitest'
import { isFullCheck } from '../../dev/testing/fullCheck.ts'
import { onThisMachine } from '../../dev/testing/slowness.ts'
import { seededRandom } from '../../dev/testing/seededRandom.ts'
import { cronProblem, lastTimes, nextAfter, nextTimes, parseCron, shortestMinutes } from './index.ts'

const MINUTE_MS = 60_000
const iso = (ms: number): string => new Date(ms).toISOString()

/** The times of a day of one zone by its own clock. */
const times = (expression: string, zone: string, from: string, count: number): string[] =>
  nextTimes(expression, zone, from, count).map((time) => `${time.slice(0, 16)}Z`)

describe('a day on which a clock is set', () => {
  test('A time that the clock leaves out is due at the instant at which the clock is set forward', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual(['2026-03-29T01:00Z', '2026-03-30T00:30Z'])
    expect(times('0 0 * * *', 'America/Sao_Paulo', '2018-11-03T12:00:00Z', 2)).toEqual(['2018-11-04T03:00Z', '2018-11-05T02:00Z'])
    expect(times('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z', 2)).toEqual(['2026-10-03T15:30Z', '2026-10-04T15:15Z'])
  })

  test('Several times that the clock leaves out are due once', () => {
    expect(times('*/15 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual(['2026-03-29T01:00Z', '2026-03-30T00:00Z'])
    expect(times('0,30 2,3 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 3)).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-29T01:30Z',
      '2026-03-30T00:00Z',
    ])
  })

  test('A day that a calendar leaves out is due at its end', () => {
    expect(times('0 12 30 12 *', 'Pacific/Apia', '2011-12-01T00:00:00Z', 2)).toEqual(['2011-12-30T10:00Z', '2012-12-29T22:00Z'])
  })

  test('A time that the clock shows twice is due the first time only, also when the second one is asked about', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual(['2026-10-25T00:30Z', '2026-10-26T01:30Z'])
    expect(times('*/20 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 4)).toEqual([
      '2026-10-25T00:00Z',
      '2026-10-25T00:20Z',
      '2026-10-25T00:40Z',
      '2026-10-26T01:00Z',
    ])
    expect(times('45 2 * * *', 'Europe/Berlin', '2026-10-25T01:10:00Z', 1)).toEqual(['2026-10-26T01:45Z'])
  })

  test('A schedule that names every hour follows the real hours: each of them once, none left out and none of them twice', () => {
    expect(times('30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', 4)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:30Z',
      '2026-10-25T03:30Z',
    ])
    expect(times('30 0-23 * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', 3)).toEqual([
      '2026-03-29T00:30Z',
      '2026-03-29T01:30Z',
      '2026-03-29T02:30Z',
    ])
    expect(times('*/10 * * * *', 'Australia/Lord_Howe', '2026-04-04T14:40:00Z', 4)).toEqual([
      '2026-04-04T14:50Z',
      '2026-04-04T15:00Z',
      '2026-04-04T15:10Z',
      '2026-04-04T15:20Z',
    ])
  })

  test('Days of the month and of the week that are both named count either', () => {
    expect(times('0 9 1 * 1', 'UTC', '2026-01-01T10:00:00Z', 3)).toEqual(['2026-01-05T09:00Z', '2026-01-12T09:00Z', '2026-01-19T09:00Z'])
    expect(times('0 9 29 2 *', 'UTC', '2026-12-01T00:00:00Z', 2)).toEqual(['2028-02-29T09:00Z', '2032-02-29T09:00Z'])
  })
})

/** The numbers of a simple field: `*`, `a`, `a-b`, lists of them, each with a step. */
function numbersOf(field: string, low: number, high: number): ReadonlySet<number> {
  const numbers = new Set<number>()
  for (const part of field.split(',')) {
    const [range = '', step = '1'] = part.split('/')
    const [from = 0, to = from] = range === '*' ? [low, high] : range.split('-').map(Number)
    for (let at = from; at <= to; at += Number(step)) numbers.add(at)
  }
  return numbers
}

interface Shown {
  readonly minute: number
  readonly hour: number
  readonly day: number
  readonly month: number
  readonly weekday: number
  /** The shown time as one number. */
  readonly wall: number
}

const HOUR_MS = 60 * MINUTE_MS

const atWall = (wall: number): Shown => {
  const date = new Date(wall)
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay(),
    wall,
  }
}

/** The time that the clock of a zone shows, read in another way than the code under test reads it. */
function wallOf(zone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    dateStyle: undefined,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
  })
  return (ms) => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]))
    const [year, month, day, hour, minute] = ['year', 'month', 'day', 'hour', 'minute'].map((name) => Number(parts[name])) as [
      number,
      number,
      number,
      number,
      number,
    ]
    return Date.UTC(year, month - 1, day, hour, minute)
  }
}

/** The same of every minute. One look takes microseconds, so an hour whose first and last minute agree is looked at only there. */
function clockOf(zone: string): (ms: number) => Shown {
  const wall = wallOf(zone)
  const offsets = new Map<number, number | null>()
  const offsetIn = (hour: number): number | null => {
    const known = offsets.get(hour)
    if (known !== undefined) return known
    const [first, last] = [hour, hour + HOUR_MS - MINUTE_MS].map((ms) => wall(ms) - ms) as [number, number]
    const offset = first === last ? first : null
    offsets.set(hour, offset)
    return offset
  }
  return (ms) => {
    const offset = offsetIn(Math.floor(ms / HOUR_MS) * HOUR_MS)
    return atWall(offset === null ? wall(ms) : ms + offset)
  }
}

/** Walks every real minute of a span, and decides by the rules of the specification and nothing else. */
function byWalking(expression: string, zone: string, from: number, to: number): string[] {
  const [minutes, hours, days, months, week] = expression.split(' ') as [string, string, string, string, string]
  const fields = {
    minutes: numbersOf(minutes, 0, 59),
    hours: numbersOf(hours, 0, 23),
    days: numbersOf(days, 1, 31),
    months: numbersOf(months, 1, 12),
    week: numbersOf(week, 0, 6),
  }
  const followsHours = fields.hours.size === 24
  const dayMatches = ({ day, weekday }: Shown): boolean => {
    const [inMonth, inWeek] = [fields.days.has(day), fields.week.has(weekday)]
    return days === '*' || week === '*' ? inMonth && inWeek : inMonth || inWeek
  }
  const matches = (shown: Shown): boolean =>
    fields.minutes.has(shown.minute) && fields.hours.has(shown.hour) && fields.months.has(shown.month) && dayMatches(shown)
  const clock = clockOf(zone)
  const found: string[] = []
  const begin = from - 26 * 60 * MINUTE_MS
  let highest = clock(begin - MINUTE_MS).wall
  let last = highest
  for (let at = begin; at <= to; at += MINUTE_MS) {
    const shown = clock(at)
    const leftOut = Array.from({ length: Math.max(0, (shown.wall - last) / MINUTE_MS - 1) }, (_, step) => last + (step + 1) * MINUTE_MS)
    const isSecond = shown.wall <= highest
    const isDue = followsHours
      ? matches(shown)
      : (!isSecond && matches(shown)) || leftOut.some((wall) => wall > highest && matches(atWall(wall)))
    if (isDue && at > from) found.push(iso(at))
    last = shown.wall
    highest = Math.max(highest, shown.wall)
  }
  return found
}

const zones = [
  'UTC', 'Europe/Berlin', 'Europe/London', 'Europe/Dublin', 'America/New_York', 'America/Los_Angeles', 'America/Sao_Paulo', 'America/St_Johns',
  'America/Santiago', 'America/Havana', 'Africa/Cairo', 'Africa/Casablanca', 'Asia/Kolkata', 'Asia/Kathmandu', 'Asia/Tehran', 'Asia/Gaza', 'Asia/Beirut',
  'Australia/Lord_Howe', 'Australia/Sydney', 'Pacific/Auckland', 'Pacific/Chatham', 'Pacific/Apia', 'Pacific/Easter', 'Antarctica/Troll',
] // prettier-ignore

/** The instants at which the clock of a zone is set in a year. */
function changesIn(zone: string, year: number): number[] {
  const wall = wallOf(zone)
  const found: number[] = []
  const isSet = (from: number, to: number): boolean => wall(to) - wall(from) !== to - from
  for (let day = Date.UTC(year, 0, 1); day < Date.UTC(year + 1, 0, 1); day += 24 * HOUR_MS)
    if (isSet(day, day + 24 * HOUR_MS))
      for (let at = day; at < day + 24 * HOUR_MS; at += HOUR_MS) if (isSet(at, at + HOUR_MS)) found.push(at)
  return found
}

const random = seededRandom(20_261_130)
const pick = (from: readonly string[]): string => random.pick(from)
const randomExpression = (): string =>
  [
    pick(['0', '30', '59', '*/15', '0,30', '5-20/5', '7', '*']),
    pick(['*', '0', '2', '3', '0-23', '1-3', '*/2', '0,12', '2,23', '*/6']),
    pick(['*', '*', '*', '1', '15', '28-31', '29']),
    pick(['*', '*', '*', '3', '10', '4,10', '9-12']),
    pick(['*', '*', '*', '0', '1-5', '6', '0,3']),
  ].join(' ')

const spans = zones.flatMap((zone) =>
  [2011, 2018, 2024, 2026, 2031].flatMap((year) => changesIn(zone, year).map((at) => [zone, iso(at)] as const)),
)

describe('nextAfter', () => {
  test(`Around each of ${spans.length} changes of clocks it finds what a walk over every minute finds`, { timeout: 600_000 }, () => {
    expect(spans.length).toBeGreaterThan(100)
    const wrong: string[] = []
    for (const [zone, at] of spans)
      for (let turn = 0; turn < (isFullCheck ? 8 : 1); turn += 1) {
        const expression = randomExpression()
        const from = Date.parse(at) - Math.floor(random.next() * 2 * 1440) * MINUTE_MS
        const to = from + 3 * 1440 * MINUTE_MS
        const expected = byWalking(expression, zone, from, to)
        const found: string[] = []
        for (let next = nextAfter(expression, zone, iso(from)); next !== null && next <= iso(to); next = nextAfter(expression, zone, next))
          found.push(next)
        if (found.join() !== expected.join()) wrong.push(`${expression} in ${zone} after ${iso(from)}`)
      }
    expect(wrong).toEqual([])
  })

  test(
    'Over years and zones each time is later than the one before, matches the clock of the zone, and none lies between',
    { timeout: 300_000 },
    () => {
      for (const zone of zones)
        for (let turn = 0; turn < (isFullCheck ? 10 : 2); turn += 1) {
          const expression = randomExpression()
          let at = iso(Date.UTC(2000 + Math.floor(random.next() * 38), Math.floor(random.next() * 12), 1))
          for (let step = 0; step < 30; step += 1) {
            const next = nextAfter(expression, zone, at)
            if (next === null) break
            expect(next > at, `${expression} ${zone} ${at}`).toBe(true)
            // The answer is the same one for each instant before it.
            const between = iso(Date.parse(at) + Math.floor(random.next() * (Date.parse(next) - Date.parse(at) - 1)))
            expect(nextAfter(expression, zone, between), `${expression} ${zone} ${between}`).toBe(next)
            at = next
          }
        }
    },
  )

  test('A text that is no expression of five fields, an unknown zone and a schedule that never comes are named', () => {
    const now = '2026-12-01T00:00:00.000Z'
    for (const expression of [
      '',
      '* * * *',
      '* * * * * *',
      '@daily',
      '60 * * * *',
      '0 24 * * *',
      'a b c d e',
      '0 0 0 * *',
      `${'0,'.repeat(200)}0 * * * *`,
    ])
      expect(cronProblem(expression, 'UTC', now), expression).toMatch(/five fields/)
    for (const zone of ['', 'Nope/Zone', '+02:00', 'Europe/Berlin; drop table', '../UTC'])
      expect(cronProblem('0 9 * * *', zone, now), zone).toMatch(/Unknown time zone/)
    for (const expression of ['0 0 31 2 *', '0 0 30 2 *', '0 0 31 4,6,9,11 *'])
      expect(cronProblem(expression, 'UTC', now), expression).toBe('The schedule never comes')
    expect(cronProblem('0 0 29 2 *', 'Europe/Berlin', now)).toBeNull()
    expect(() => nextAfter('nonsense', 'UTC', now)).toThrow(RangeError)
  })

  test('The last times before an instant are those that a walk forward ends with, however many there were', () => {
    const [after, until] = ['2026-01-01T00:00:00.000Z', '2026-04-11T10:07:00.000Z']
    for (const [expression, zone] of [
      ['*/20 * * * *', 'Europe/Berlin'],
      ['30 2 * * *', 'America/New_York'],
      ['0 9 1 * *', 'UTC'],
    ] as const) {
      const all = nextTimes(expression, zone, after, 10_000).filter((time) => time <= until)
      expect(lastTimes({ expression, zone }, after, until, 25)).toEqual(all.slice(-25))
      expect(lastTimes({ expression, zone }, after, until, 1)).toEqual(all.slice(-1))
    }
    expect(lastTimes({ expression: '0 9 1 1 *', zone: 'UTC' }, '2026-02-01T00:00:00.000Z', until, 25)).toEqual([])
  })

  test('The shortest interval of an expression counts over the end of an hour', () => {
    const shortest = (expression: string): number =>
      shortestMinutes(parseCron(expression) ?? { wallAfter: () => null, coversEveryHour: false, minutes: [] })
    expect(['* * * * *', '*/15 * * * *', '0,59 * * * *', '7 3 * * *', '0,50 * * * *'].map(shortest)).toEqual([1, 15, 1, 60, 10])
  })
})

test('Twenty schedules that come once in decades, and twenty that never come, keep the event loop shortly', () => {
  const from = '2026-01-01T00:00:00.000Z'
  expect(nextTimes('0 9 * 2 1#5', 'Europe/Berlin', from, 2)).toEqual(['2044-02-29T08:00:00.000Z', '2072-02-29T08:00:00.000Z'])
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'UTC']
  const startedAt = performance.now()
  for (let count = 0; count < 20; count += 1) {
    const zone = zones[count % zones.length] ?? ''
    nextTimes(`${count} 0 * 2 1#5`, zone, from, 5)
    expect(cronProblem(`${count} 0 30,31 2 *`, zone, from)).toBe('The schedule never comes')
  }
  // Step by step through the clock of each zone it is half a minute.
  expect(performance.now() - startedAt).toBeLessThan(onThisMachine(1000))
})
