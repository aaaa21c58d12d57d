import { describe, expect, test } from 'vitest'
import type { StreamEvent } from '../api/types.ts'
import { changedBy } from './invalidation.ts'

const RUN = '11111111-1111-4111-8111-111111111111'
const AGENT = '22222222-2222-4222-8222-222222222222'

const logged = (entityType: string, entityId: string, agentId: string | null = null): StreamEvent =>
  ({
    type: 'activity.logged',
    payload: { entityType, entityId, agentId, runId: null, details: { agentId: AGENT }, action: 'x' },
  }) as unknown as StreamEvent

describe('the reads that an event makes old', () => {
  test('The end of a run makes the holds, the runs and the reads of its agent old', () => {
    const { nouns, ids } = changedBy([logged('run', RUN)])
    for (const noun of ['runs', 'run', 'holds', 'agents', 'agent', 'activity']) expect(nouns).toContain(noun)
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
})
