import { describe, expect, test } from 'vitest'
import { routinePauseReasons, routineRunSources, routineRunStatus } from '../../../model/routineStatus.ts'
import type { RoutineTrigger } from '../../api/types.ts'
import { nextTimeOf, runWords, sourceWords, statusWords, timeInZone, triggersWords, webhookUrlOf } from './words.ts'

const trigger = (fields: Partial<RoutineTrigger>): RoutineTrigger =>
  ({
    kind: 'schedule',
    enabled: true,
    cronExpression: '0 9 * * 1',
    timezone: 'Europe/Berlin',
    nextRunAt: null,
    ...fields,
  }) as RoutineTrigger

describe('the words about routines', () => {
  test('Every status and source of a run and every reason of a pause has words', () => {
    for (const status of routineRunStatus.statuses) expect(runWords[status].words).toMatch(/^\w/)
    for (const source of routineRunSources) expect(sourceWords[source]).toMatch(/^by /)
    for (const pauseReason of routinePauseReasons) expect(statusWords({ status: 'paused', pauseReason })).toMatch(/^paused\W+\w/)
    expect(statusWords({ status: 'active', pauseReason: null })).toBe('active')
    expect(statusWords({ status: 'archived', pauseReason: 'agent_ended' })).toBe('archived: its agent was ended')
  })

  test('The next time of a routine is the earliest of its triggers', () => {
    const times = ['2026-12-07T08:00:00.000Z', null, '2026-12-01T08:00:00.000Z']
    expect(nextTimeOf({ triggers: times.map((nextRunAt) => trigger({ nextRunAt })) })).toBe('2026-12-01T08:00:00.000Z')
    expect(nextTimeOf({ triggers: [] })).toBeNull()
  })

  test('Triggers stand in a table with their schedule, and say when they are off', () => {
    expect(triggersWords([trigger({}), trigger({ kind: 'webhook', enabled: false })])).toBe('0 9 * * 1 (Europe/Berlin); Webhook, off')
  })

  test('A time is shown as the clock of its zone has it, and an unknown zone does not break the page', () => {
    expect(timeInZone('2026-12-07T08:00:00.000Z', 'Asia/Tokyo')).toContain('05:00')
    expect(timeInZone('2026-12-07T08:00:00.000Z', 'No/Where')).toContain('2026')
  })

  test('A webhook is called at the address of this server', () => {
    expect(webhookUrlOf('ab12', 'https://server.example')).toBe('https://server.example/api/routine-triggers/public/ab12/fire')
  })
})
