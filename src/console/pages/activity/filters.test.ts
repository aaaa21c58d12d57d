import { describe, expect, test } from 'vitest'
import type { Activity } from '../../api/types.ts'
import { activityQuery } from '../../../observe/activity/views.ts'
import { allEvents } from '../../../server/eventCatalogue.ts'
import { actionGroups, dayOf, endOf, filterIn, lastDayBefore, presets, startOf } from './filters.ts'

const actions = new Set(allEvents.map(({ action }) => action))
const filterOf = (search: string) => filterIn(new URLSearchParams(search))

describe('filterIn', () => {
  test.each(presets.map((preset) => [preset.value, preset] as const))(
    'The preset "%s" is a query of the API, and names actions that exist',
    (value, preset) => {
      const { query } = filterOf(`preset=${value}`)
      expect(query).toEqual(preset.query)
      const parsed = activityQuery.parse(Object.fromEntries(Object.entries(query).map(([name, part]) => [name, String(part)])))
      for (const action of parsed.action ?? []) expect(actions).toContain(action)
    },
  )

  test('An address without filters chooses everything, and unknown names are ignored', () => {
    expect(filterOf('')).toMatchObject({ query: {}, isSet: false })
    expect(filterOf('preset=none&row=r1&at=x')).toMatchObject({ preset: presets[0], query: {} })
  })

  test('Filters of the API are taken as they are, beside the preset of interventions', () => {
    const filter = filterOf('preset=interventions&agentId=a1&entityType=issue&entityId=i1&since=2026-01-01T00:00:00.000Z')
    expect(filter.query).toEqual({
      interventions: true,
      agentId: 'a1',
      entityType: 'issue',
      entityId: 'i1',
      since: '2026-01-01T00:00:00.000Z',
    })
    expect(filter.isSet).toBe(true)
  })

  test('Of runs that ended only those that failed are failures', () => {
    const { has } = filterOf('preset=failures').preset
    const row = (action: string, details: Record<string, unknown>): Activity => ({ action, details }) as unknown as Activity
    expect(has?.(row('heartbeat.run_finished', { status: 'failed' }))).toBe(true)
    expect(has?.(row('heartbeat.run_finished', { status: 'timed_out' }))).toBe(true)
    expect(has?.(row('heartbeat.run_finished', { status: 'succeeded' }))).toBe(false)
    expect(has?.(row('wake.closed', { why: 'issue_closed' }))).toBe(false)
    expect(has?.(row('wake.closed', { why: 'loop_bound' }))).toBe(true)
    expect(has?.(row('agent.start_failed', {}))).toBe(true)
  })
})

test('Each action of a company is in one group of the select, and none of the instance is', () => {
  const grouped = actionGroups.flatMap(([, names]) => names)
  expect(new Set(grouped).size).toBe(grouped.length)
  expect(grouped).toContain('issue.admin_force_release')
  expect(grouped).toContain('person.role_changed')
  expect(grouped).not.toContain('person.signed_in')
  expect(grouped).not.toContain('audit.timeline_opened')
})

test('A day is that of the reader, and its end is the beginning of the next', () => {
  const start = startOf('2026-03-29') ?? ''
  expect(dayOf(start)).toBe('2026-03-29')
  expect(dayOf(endOf('2026-03-29'))).toBe('2026-03-30')
  expect(lastDayBefore(endOf('2026-03-29'))).toBe('2026-03-29')
  expect(startOf('')).toBe(null)
  expect(startOf('no day')).toBe(null)
  expect(dayOf(null)).toBe('')
  expect(dayOf('no instant')).toBe('')
  expect(lastDayBefore(null)).toBe('')
})
