import { expect, test, vi } from 'vitest'
import { answered, createFaults, createWork, losesHeartbeat, pass, workMatcher } from './faults.ts'
import type { Faults } from './faults.ts'

const passed = (faults: Faults, work: ReturnType<typeof createWork>, ...names: string[]) => names.map((name) => pass(faults, work, name))

test('Work matches a route as it is declared, or a task, and everything matches none', () => {
  const matches = workMatcher('POST /api/issues/:id/checkout')
  expect(matches('POST /api/issues/7/checkout')).toBe(true)
  for (const other of ['GET /api/issues/7/checkout', 'POST /api/issues/7/checkout/more', 'POST /api/issues/checkout', 'task reap'])
    expect(matches(other), other).toBe(false)
  expect(workMatcher('task reap')('task reap')).toBe(true)
  expect(workMatcher(null)('task reap')).toBe(true)
})

test('A crash fires once, before its second point and after the answer to its first one, in work that matches', () => {
  const faults = createFaults()
  const fire = vi.fn<() => void>()
  faults.plan = { first: 'one', second: 'commit', matches: workMatcher('task a'), fire }
  expect(passed(faults, createWork('task b'), 'one', 'commit')).not.toContain(null)
  expect(passed(faults, createWork('task a'), 'two', 'commit')).not.toContain(null)
  const work = createWork('task a')
  const [one] = passed(faults, work, 'one')
  expect(pass(faults, work, 'commit')).toBeNull()
  expect(fire).not.toHaveBeenCalled()
  if (one !== null && one !== undefined) answered(one)
  expect(fire).toHaveBeenCalledOnce()
  expect(faults.plan).toBeNull()
})

test('A point that work passes twice gets a number, and a trace has both', () => {
  const faults = createFaults()
  const trace = { matches: workMatcher(null), points: [] as string[] }
  faults.traces.add(trace)
  passed(faults, createWork('task a'), 'begin', 'commit', 'begin', 'commit')
  expect(trace.points).toEqual(['begin', 'commit', 'begin#2', 'commit#2'])
})

test('Only the heartbeats of the named run are lost', () => {
  const faults = createFaults()
  faults.lostHeartbeats.set('a', 0)
  expect(losesHeartbeat(faults, 'POST /api/heartbeat-runs/A/heartbeat')).toBe(true)
  expect(losesHeartbeat(faults, 'POST /api/heartbeat-runs/b/heartbeat')).toBe(false)
  expect(losesHeartbeat(faults, 'POST /api/heartbeat-runs/a/finish')).toBe(false)
  expect(faults.lostHeartbeats.get('a')).toBe(1)
})
