import { expect, test } from 'vitest'
import type { Approval, BudgetIncident } from '../../api/types.ts'
import { needsOf } from './needs.ts'
import type { NeedSources } from './needs.ts'

const nothing: NeedSources = {
  deadHolds: [],
  agents: [],
  incidents: [],
  failedRuns: [],
  recentRuns: [],
  approvals: [],
  interactionRows: [],
  joinRequests: [],
  stalled: [],
}

const incident = (fields: Partial<BudgetIncident>): BudgetIncident =>
  ({
    id: 'i1',
    scopeType: 'agent',
    scopeId: 'a1',
    scopeName: 'Grace',
    thresholdType: 'hard',
    amountLimit: 500,
    amountObserved: 520,
    status: 'open',
    approvalId: 'p1',
    createdAt: '2026-11-01T00:00:00.000Z',
    ...fields,
  }) as BudgetIncident

const approval = (id: string): Approval =>
  ({
    id,
    type: 'budget_override_required',
    payload: {},
    requestedByAgentId: null,
    createdAt: '2026-11-01T00:00:00.000Z',
  }) as unknown as Approval

test('An open stop of a budget is a row with a link to its incident, and its approval is not a second one', () => {
  const needs = needsOf({ ...nothing, incidents: [incident({})], approvals: [approval('p1'), approval('p2')] })
  expect(needs.map(({ kind, to }) => [kind, to])).toEqual([
    ['budget stop', 'budgets?incident=i1'],
    ['approval', 'approvals/p2'],
  ])
  expect(needs[0]?.why).toBe('It has spent $5.20 of $5.00, and starts no run')
})

test('A warning and a stop that was answered need no person', () => {
  expect(
    needsOf({ ...nothing, incidents: [incident({ thresholdType: 'soft', approvalId: null }), incident({ status: 'dismissed' })] }),
  ).toEqual([])
})
