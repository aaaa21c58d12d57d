import { describe, expect, test } from 'vitest'
import type { Activity, Agent } from '../api/types.ts'
import { explaining, stateOf, whyOf } from './agentState.ts'

const agent = (fields: Partial<Agent>): Agent =>
  ({ status: 'idle', pauseReason: null, budgetMonthlyCents: 0, spentMonthlyCents: 0, ...fields }) as Agent
const act = (action: string, details: Record<string, unknown>): Activity => ({ action, details }) as unknown as Activity

describe('the state of an agent', () => {
  test('A quarantine and a spent budget have words of their own', () => {
    expect(stateOf(agent({ status: 'paused', pauseReason: 'quarantine' }))).toMatchObject({ words: 'quarantined', tone: 'bad' })
    expect(stateOf(agent({ budgetMonthlyCents: 100, spentMonthlyCents: 100 }))).toMatchObject({ words: 'budget spent', tone: 'warn' })
    expect(stateOf(agent({ status: 'paused', budgetMonthlyCents: 100, spentMonthlyCents: 100 })).words).toBe('paused')
  })

  test('Agents that need a person come before agents that work', () => {
    const order = [agent({ status: 'idle' }), agent({ status: 'error' }), agent({ status: 'running' }), agent({ status: 'paused' })]
    expect(order.toSorted((one, other) => stateOf(one).rank - stateOf(other).rank).map(({ status }) => status)).toEqual([
      'error',
      'paused',
      'running',
      'idle',
    ])
  })

  test('The newest act explains the state only where it led to it', () => {
    const paused = act('agent.paused', { reason: 'the budget is checked' })
    const failed = act('agent.start_failed', { errorCode: 'adapter_spawn_failed', error: 'no such program' })
    expect(explaining(agent({ status: 'paused' }), [paused, failed])).toBe(paused)
    expect(explaining(agent({ status: 'idle' }), [paused])).toBeUndefined()
    expect(whyOf(agent({ status: 'paused', pauseReason: 'manual' }), paused)).toBe('the budget is checked')
    expect(whyOf(agent({ status: 'error' }), failed)).toBe('no such program')
    expect(whyOf(agent({ status: 'paused', pauseReason: 'manual' }), undefined)).toBeNull()
    expect(whyOf(agent({ status: 'paused', pauseReason: 'budget' }), undefined)).toBe('A budget is spent, and stopped it')
  })
})
