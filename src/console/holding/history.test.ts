import { describe, expect, test } from 'vitest'
import type { HoldDetail } from '../api/types.ts'
import { effectsOf, reasonOf, runOf, spansOf } from './history.ts'
import type { HoldEvent } from './history.ts'

const at = (minute: number): string => new Date(minute * 60_000).toISOString()

const event = (minute: number, action: string, details: Record<string, unknown>, agentId: string | null = 'ada'): HoldEvent => ({
  action: `issue.${action}`,
  at: at(minute),
  actorType: 'agent',
  actorId: 'ada',
  agentId,
  runId: null,
  details,
})

const taken = (minute: number, runId: string): HoldEvent => event(minute, 'checked_out', { agentId: 'ada', runId })
const forced = (minute: number): HoldEvent =>
  event(
    minute,
    'admin_force_release',
    { prevExecutionRunId: 'r1', reason: 'hangs', evictedRunIds: ['r1'], cancelledRunIds: ['r1'], clearAssignee: true },
    null,
  )

const detail = (history: HoldEvent[], fields: Partial<HoldDetail> = {}): HoldDetail =>
  ({
    checkoutRunId: null,
    executionRunId: null,
    heldSince: null,
    holder: null,
    history: history.toReversed(),
    ...fields,
  }) as unknown as HoldDetail

const shown = (hold: HoldDetail, now: number) =>
  spansOf(hold, now * 60_000).map(({ from, to, runId, end }) => [from / 60_000, to / 60_000, runId, end])

describe('the history of a hold', () => {
  test('A hold lasts from its taking to what ended it, and the one that lasts goes on until now', () => {
    const history = [
      taken(0, 'r1'),
      forced(10),
      taken(15, 'r2'),
      event(20, 'checkout_lock_adopted', { checkoutRunId: 'r3', reason: 'stale_run' }),
    ]
    expect(shown(detail(history, { checkoutRunId: 'r3' }), 30)).toEqual([
      [0, 10, 'r1', 'forced'],
      [15, 20, 'r2', 'adopted'],
      [20, 30, 'r3', null],
    ])
  })

  test('A hold without an event of its beginning starts with its row, and a free issue has none that lasts', () => {
    expect(shown(detail([forced(3)], { executionRunId: 'r9', heldSince: at(5) }), 8)).toEqual([[5, 8, null, null]])
    expect(shown(detail([taken(0, 'r1'), event(4, 'released', { previousCheckoutRunId: 'r1' })]), 8)).toEqual([[0, 4, 'r1', 'released']])
    expect(shown(detail([]), 8)).toEqual([])
  })

  test('Each event has its run, its reason and its effects', () => {
    expect([runOf(forced(1)), reasonOf(forced(1)), effectsOf(forced(1))]).toEqual([
      'r1',
      'hangs',
      ['its run was evicted', 'its run was cancelled', 'the assignee was removed'],
    ])
    expect(reasonOf(event(1, 'lock_cleared', { runId: 'r1', why: 'dead_holder' }))).toBe('its holder was dead')
    expect(reasonOf(event(1, 'checkout_lock_adopted', { checkoutRunId: 'r1', reason: 'unowned' }))).toBe('the hold had no run')
    expect(reasonOf(taken(1, 'r1'))).toBeNull()
  })
})
