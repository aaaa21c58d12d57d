import { describe, expect, test } from 'vitest'
import { decideWake, MAX_AGENT_WAKES_PER_HOUR } from './decideWake.ts'
import type { WakeDecision, WakeFacts, WakeTraits } from './decideWake.ts'

const free: WakeFacts = { isInvokable: true, listens: true, open: null, isHeld: false, deferredWakeId: null, recentAgentWakes: 0 }
const queued = { runId: 'run', wakeId: 'wake', isAtWork: false }
const atWork = { ...queued, isAtWork: true }
const held = { isHeld: true }
const deferred = { deferredWakeId: 'deferred' }
const looping = { recentAgentWakes: MAX_AGENT_WAKES_PER_HOUR }

/** A change of an issue causes the request. */
const change: WakeTraits = { source: 'automation', runsBesideHolder: false, joinsRunAtWork: false, boundsDeferral: true, hasOwnEvent: true }
/** A caller of the API makes the request. */
const call: WakeTraits = { source: 'on_demand', runsBesideHolder: false, joinsRunAtWork: true, boundsDeferral: false, hasOwnEvent: false }
const timer: WakeTraits = { ...call, source: 'timer' }
const mention: WakeTraits = { ...change, runsBesideHolder: true }
const comment: WakeTraits = { ...call, joinsRunAtWork: false }

const skip = (why: 'agent_not_invokable' | 'timer_off' | 'wake_on_demand_off'): WakeDecision => ({ kind: 'skip', why })

describe('decideWake', () => {
  const rows: readonly [title: string, facts: Partial<WakeFacts>, request: WakeTraits, decision: WakeDecision][] = [
    ['An agent that cannot be run is skipped', { isInvokable: false }, change, skip('agent_not_invokable')],
    [
      'An agent that cannot be run is skipped before anything else is asked',
      { isInvokable: false, listens: false, open: queued, ...looping },
      call,
      skip('agent_not_invokable'),
    ],
    ['An agent that does not wake on demand is skipped', { listens: false }, change, skip('wake_on_demand_off')],
    ['An agent whose timer is off is skipped', { listens: false }, timer, skip('timer_off')],
    ['An agent that does not listen joins no run', { listens: false, open: queued }, call, skip('wake_on_demand_off')],
    ['A request joins a queued run', { open: queued }, change, { kind: 'join', open: queued }],
    [
      'A request joins a queued run although the issue is held',
      { open: queued, ...held, ...deferred },
      change,
      { kind: 'join', open: queued },
    ],
    ['A request joins a queued run beyond the loop bound', { open: queued, ...looping }, change, { kind: 'join', open: queued }],
    ['A mention joins a queued run', { open: queued, ...held }, mention, { kind: 'join', open: queued }],
    ['A call joins a running run', { open: atWork, ...held }, call, { kind: 'join', open: atWork }],
    ['A new comment joins a queued run', { open: queued }, comment, { kind: 'join', open: queued }],
    ['A new comment waits behind a running run', { open: atWork, ...held }, comment, { kind: 'defer' }],
    ['A new comment for a free issue gets a run next to a running one', { open: atWork }, comment, { kind: 'queue' }],
    ['A request for a held issue waits', held, change, { kind: 'defer' }],
    [
      'A request for a held issue joins the wake that waits',
      { ...held, ...deferred },
      change,
      { kind: 'join_deferred', wakeId: 'deferred' },
    ],
    [
      'A request joins the wake that waits beyond the loop bound',
      { ...held, ...deferred, ...looping },
      change,
      { kind: 'join_deferred', wakeId: 'deferred' },
    ],
    ['A mention does not wait for the holder', held, mention, { kind: 'queue' }],
    ['A mention does not join the wake that waits', { ...held, ...deferred }, mention, { kind: 'queue' }],
    ['A mention for a free issue does not promote the wake that waits', deferred, mention, { kind: 'queue' }],
    ['A request for a free issue promotes the wake that waits', deferred, change, { kind: 'promote', wakeId: 'deferred' }],
    ['A wake that waits is promoted beyond the loop bound', { ...deferred, ...looping }, call, { kind: 'promote', wakeId: 'deferred' }],
    ['A change beyond the loop bound is closed', looping, change, { kind: 'close_as_loop' }],
    ['A change beyond the loop bound is closed although the issue is held', { ...held, ...looping }, change, { kind: 'close_as_loop' }],
    ['A call beyond the loop bound is closed', looping, call, { kind: 'close_as_loop' }],
    ['A call beyond the loop bound waits while the issue is held', { ...held, ...looping }, call, { kind: 'defer' }],
    ['A mention beyond the loop bound is closed', { ...held, ...looping }, mention, { kind: 'close_as_loop' }],
    ['One wake below the loop bound is queued', { recentAgentWakes: MAX_AGENT_WAKES_PER_HOUR - 1 }, change, { kind: 'queue' }],
    ['A change that nothing stands in the way of is queued', {}, change, { kind: 'queue' }],
    ['A timer is queued', {}, timer, { kind: 'queue' }],
  ]
  test.each(rows)('The decision on a wake follows the row: %s', (_title, facts, request, decision) => {
    expect(decideWake({ ...free, ...facts }, request)).toEqual(decision)
  })
})
