import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { useServer, world } from '../dev/testing/world.ts'
import type { Answer, World } from '../dev/testing/world.ts'
import { sentInstant } from '../platform/kernel/time.ts'

const server = useServer()
const board = () => server().board

let fixture: World
let ids: Readonly<Record<'issue' | 'project' | 'agent', string>>
beforeAll(async () => {
  fixture = await world(server())
  const project = (await board().post(`/api/companies/${fixture.company.id}/projects`, { name: 'P' })).body
  ids = { issue: (await fixture.issue()).id, project: project.id, agent: (await fixture.agent()).id }
})

const inCompany = (path: string) => `/api/companies/${fixture.company.id}/${path}`
const asQuery = (instant: string) => encodeURIComponent(instant)

/** Every field and every parameter that takes an instant. */
const uses: Readonly<Record<string, (instant: string) => Promise<Answer>>> = {
  'hiddenAt of an issue': (instant) => board().patch(`/api/issues/${ids.issue}`, { hiddenAt: instant }),
  'archivedAt of a project': (instant) => board().patch(`/api/projects/${ids.project}`, { archivedAt: instant }),
  'targetDate of a project': (instant) => board().patch(`/api/projects/${ids.project}`, { targetDate: instant }),
  'expiresAt of a key': (instant) => board().post(`/api/agents/${ids.agent}/keys`, { expiresAt: instant }),
  'since of the activity': (instant) => board().get(inCompany(`activity?since=${asQuery(instant)}`)),
  'until of the activity': (instant) => board().get(inCompany(`activity?until=${asQuery(instant)}`)),
  'from of the votes': (instant) => board().get(inCompany(`feedback-traces?from=${asQuery(instant)}`)),
  'to of the votes': (instant) => board().get(inCompany(`feedback-traces?to=${asQuery(instant)}`)),
}

const outside = [
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+00:01',
  '0001-01-01T13:59:59.999+14:00',
  '9999-12-31T23:59:59-14:00',
  '9999-12-31T23:59:00-00:01',
  '9999-12-31T23:59:59.9999999Z',
  '2026-01-01T00:00:00+23:59',
  '2026-01-01T00:00:00-16:00',
]

describe('instants of requests', () => {
  test.each(Object.entries(uses))('The %s refuses an instant that cannot be served with 400 (K27)', async (_, send) => {
    for (const instant of outside) {
      const answer = await send(instant)
      expect(answer, `${instant}: ${answer.text}`).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    }
  })

  test('An instant that is taken is served as the same one, and every other is 400 (K27)', async () => {
    const two = (max: number) => fc.integer({ min: 0, max }).map((number) => String(number).padStart(2, '0'))
    const year = fc.oneof(
      fc.constantFrom('0000', '0001', '9999'),
      fc.integer({ min: 0, max: 9999 }).map((number) => String(number).padStart(4, '0')),
    )
    const day = fc.constantFrom('01-01', '12-31', '06-15')
    const fraction = fc.oneof(
      fc.constant(''),
      fc.integer({ min: 0, max: 9_999_999 }).map((number) => `.${number}`),
      fc.constant('.9999999'),
    )
    const offset = fc.oneof(
      fc.constant('Z'),
      fc.tuple(fc.constantFrom('+', '-'), two(23), two(59)).map(([sign, hours, minutes]) => `${sign}${hours}:${minutes}`),
    )
    const text = fc
      .tuple(year, day, two(23), two(59), two(59), fraction, offset)
      .map(([y, d, h, m, s, f, o]) => `${y}-${d}T${h}:${m}:${s}${f}${o}`)
    await fc.assert(
      fc.asyncProperty(text, async (instant) => {
        const answer = await board().patch(`/api/projects/${ids.project}`, { archivedAt: instant })
        expect(answer.status, `${instant}: ${answer.text}`).toBe(sentInstant.safeParse(instant).success ? 200 : 400)
        if (answer.status !== 200) return
        // Postgres rounds to microseconds, and the wire has milliseconds.
        expect(Math.abs(Date.parse(answer.body.archivedAt) - Date.parse(instant))).toBeLessThanOrEqual(1)
      }),
      { numRuns: 150 },
    )
  })
})
