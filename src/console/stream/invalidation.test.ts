import type { Query } from '@tanstack/react-query'
import { describe, expect, test } from 'vitest'
import type { StreamEvent } from '../api/types.ts'
import { changedBy, isChanged } from './invalidation.ts'

const RUN = '11111111-1111-4111-8111-111111111111'
const AGENT = '22222222-2222-4222-8222-222222222222'
const SECRET = '33333333-3333-4333-8333-333333333333'
const OTHER = '44444444-4444-4444-8444-444444444444'

/** A read of the usage of a secret, which has been answered. */
const usageOf = (secretId: string, ...users: string[]): Query =>
  ({
    queryKey: ['secretUsage', 'company', secretId, {}],
    state: { data: { data: { secretId, uses: users.map((id) => ({ id })) } } },
  }) as unknown as Query

const logged = (entityType: string, entityId: string, agentId: string | null = null): StreamEvent =>
  ({
    type: 'activity.logged',
    payload: { entityType, entityId, agentId, runId: null, details: { agentId: AGENT }, action: 'x' },
  }) as unknown as StreamEvent

describe('the reads that an event makes old', () => {
  test('The end of a run makes the holds, the runs, the worktrees and the reads of its agent old', () => {
    const { nouns, ids } = changedBy([logged('run', RUN)])
    for (const noun of ['runs', 'run', 'holds', 'agents', 'agent', 'activity', 'execution_workspaces']) expect(nouns).toContain(noun)
    expect([...ids].toSorted()).toEqual([RUN, AGENT])
  })

  test('A wake that waits makes the holds and the reads of its agent old', () => {
    const { nouns } = changedBy([logged('wake', RUN)])
    for (const noun of ['holds', 'agent', 'runs']) expect(nouns).toContain(noun)
  })

  test('A cost makes the costs, the budgets and the reads of its agent old, and a crossed threshold those of the stop', () => {
    const cost = changedBy([logged('cost_event', RUN, AGENT)])
    for (const noun of ['costs', 'budgets', 'figures', 'agents', 'agent']) expect(cost.nouns).toContain(noun)
    expect(cost.ids).toContain(AGENT)
    for (const noun of ['budgets', 'approvals', 'agents', 'projects'])
      expect(changedBy([logged('budget_incident', RUN)]).nouns).toContain(noun)
    expect(changedBy([logged('finance_event', RUN)]).nouns).toContain('costs')
    expect(changedBy([logged('budget_policy', RUN)]).nouns).toContain('budgets')
  })

  test('A secret that was given to a run makes the list of secrets and its own users old, and a changed agent those of its secrets', () => {
    const change = changedBy([logged('secret', SECRET)])
    for (const noun of ['secrets', 'secretUsage']) expect(change.nouns).toContain(noun)
    expect(isChanged(usageOf(SECRET), change)).toBe(true)
    expect(isChanged(usageOf(OTHER), change)).toBe(false)
    const agent = changedBy([logged('agent', AGENT)])
    expect(isChanged(usageOf(SECRET, AGENT), agent)).toBe(true)
    expect(isChanged(usageOf(SECRET, OTHER), agent)).toBe(false)
  })

  test('A pause of all routines, which has the id of the company, makes the list and each of its routines old', () => {
    const event = { entityType: 'company', entityId: OTHER, agentId: null, runId: null, details: { routineIds: [RUN, SECRET] } }
    const paused = { type: 'activity.logged', payload: { ...event, action: 'routine.all_paused' } } as unknown as StreamEvent
    const { nouns, ids } = changedBy([paused])
    for (const noun of ['routines', 'routine']) expect(nouns).toContain(noun)
    for (const id of [RUN, SECRET]) expect(ids).toContain(id)
  })
})
