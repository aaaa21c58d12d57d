import { describe, expect, test } from 'vitest'
import type { Approval } from '../../api/types.ts'
import { changeOf } from './change.ts'
import { money, wakeWords } from './figures.ts'
import { effectOf, kindOf, limitOf, proposalOf, subjectOf, titleOf } from './words.ts'

const plain = (value: string): unknown => ({ type: 'plain', value })
const agent = {
  name: 'Ada',
  role: 'qa',
  title: 'not decided about',
  adapterConfig: { command: 'old', env: { KEPT: plain('secret'), A: plain('1') } },
}

describe('changeOf', () => {
  test('Values of variables that stay are not shown, and changed ones are', () => {
    const result = { name: 'Ada', role: 'qa', adapterConfig: { command: 'new', env: { KEPT: plain('secret'), A: plain('2'), B: 'added' } } }
    const { before, after, fields } = changeOf(agent, result)
    expect(fields).toEqual(['adapterConfig'])
    expect(before).not.toContain('secret')
    expect(after).not.toContain('secret')
    expect(before).not.toContain('title')
    const lines = (text: string): string[] => text.split('\n')
    expect(lines(after).filter((line) => !lines(before).includes(line))).toEqual([
      '    "command": "new",',
      '      "A": "2",',
      '      "B": "added",',
    ])
  })

  test('Hidden characters are escaped, so that two texts cannot look alike', () => {
    const { before, after } = changeOf(agent, { name: 'A\u200Bda' })
    expect(before).toBe('{\n  "name": "Ada",\n}')
    expect(after).toBe('{\n  "name": "A\\u200bda",\n}')
  })

  test('The same configuration differs in nothing', () => {
    const { before, after, fields } = changeOf(agent, { role: 'qa', adapterConfig: agent.adapterConfig })
    expect(before).toBe(after)
    expect(fields).toEqual([])
  })
})

const approval = (type: Approval['type'], payload: Record<string, unknown>): Approval =>
  ({ type, payload, requestedByAgentId: 'a1' }) as Approval

describe('The words of approvals', () => {
  test('A proposal is read from a request only, and names its agent', () => {
    const payload = { title: 'Change', agentConfiguration: { agentId: 'a2', changes: { role: 'cto' } } }
    expect(proposalOf(approval('request_board_approval', payload))).toMatchObject({
      agentId: 'a2',
      changes: { role: 'cto' },
      permissions: null,
    })
    expect(proposalOf(approval('approve_ceo_strategy', payload))).toBe(null)
    expect(kindOf(approval('request_board_approval', payload))).toBe('Change of an agent')
    expect(subjectOf(approval('hire_agent', { agentId: 'a3' }))).toBe('a3')
  })

  test('A title is what the payload says, else the type', () => {
    expect(titleOf(approval('hire_agent', { name: 'Grace', title: 'Engineer' }))).toBe('Hire Grace')
    expect(titleOf(approval('approve_ceo_strategy', { summary: 'Less' }))).toBe('Less')
    expect(titleOf(approval('budget_override_required', { title: 7 }))).toBe('Budget override')
    expect(titleOf(approval('budget_override_required', { scopeType: 'agent', amountLimit: 500 }))).toBe(
      'An agent has spent its budget of $5.00',
    )
  })

  test('The effect of a rejection of a hire is the end of the agent', () => {
    expect(effectOf(approval('hire_agent', { agentId: 'a3' }), 'reject')).toMatch(/terminated/)
    expect(effectOf(approval('hire_agent', {}), 'reject')).toMatch(/Nothing is changed/)
  })

  test('Only a request of the server itself says that its approval raises a budget', () => {
    const ofAgent = approval('budget_override_required', { proposedAmount: 900 })
    const ofServer = { ...ofAgent, requestedByAgentId: null, requestedByUserId: null }
    expect([limitOf(ofAgent), limitOf(ofServer)]).toEqual([null, 900])
    expect(effectOf(ofServer, 'approve')).toBe('The budget becomes $9.00, and what it stopped goes on.')
    expect(effectOf(ofServer, 'reject')).toMatch(/stays stopped/)
    expect(effectOf(ofAgent, 'approve')).toMatch(/does nothing else/)
  })

  test('Budgets and wakes are in words', () => {
    expect(money(0)).toBe('no limit')
    expect(money(25_000)).toMatch(/250/)
    expect(wakeWords({ heartbeat: { intervalSec: 900, wakeOnDemand: false } })).toBe('every 15 min 00 s')
    expect(wakeWords({ heartbeat: { enabled: false, intervalSec: 900, wakeOnDemand: false } })).toBe('never by itself')
    expect(wakeWords({})).toBe('when it has work')
  })
})
