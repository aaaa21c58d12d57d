import { describe, expect, test } from 'vitest'
import { agentMayResume, decideDispatch, skipSentences } from './rules.ts'
import type { DispatchFacts } from './rules.ts'

const usual: DispatchFacts = {
  companyStatus: 'active',
  isProjectPaused: false,
  isProjectArchived: false,
  agentStatus: 'idle',
  isBudgetExhausted: false,
  active: null,
}
const active = { issueId: 'an issue', runId: 'a run' }

describe('decideDispatch', () => {
  test('Without an open issue every policy makes one', () => {
    for (const policy of ['coalesce_if_active', 'skip_if_active', 'always_enqueue'] as const)
      expect(decideDispatch(usual, policy)).toEqual({ kind: 'create' })
  })

  test('With an open issue the policy decides', () => {
    expect(decideDispatch({ ...usual, active }, 'coalesce_if_active')).toEqual({
      kind: 'coalesce',
      issueId: 'an issue',
      intoRunId: 'a run',
    })
    expect(decideDispatch({ ...usual, active }, 'skip_if_active')).toEqual({ kind: 'skip', why: 'issue_active', issueId: 'an issue' })
    expect(decideDispatch({ ...usual, active }, 'always_enqueue')).toEqual({ kind: 'create' })
  })

  test.each([
    [{ companyStatus: 'archived' }, 'company_archived'],
    [{ companyStatus: 'paused' }, 'company_paused'],
    [{ isProjectArchived: true }, 'project_archived'],
    [{ isProjectPaused: true }, 'project_paused'],
    [{ agentStatus: null }, 'no_assignee'],
    [{ agentStatus: 'paused' }, 'agent_not_invokable'],
    [{ agentStatus: 'terminated' }, 'agent_not_invokable'],
    [{ isBudgetExhausted: true }, 'budget_exhausted'],
  ] as const)('%o skips with the reason %s whatever the policy is', (facts, why) => {
    expect(decideDispatch({ ...usual, active, ...facts }, 'always_enqueue')).toEqual({ kind: 'skip', why, issueId: null })
    expect(skipSentences[why]).toMatch(/^[A-Z].* (?:is|has) /)
  })
})

describe('agentMayResume', () => {
  test('An agent resumes what it has paused itself and nothing that the board or the server has stopped', () => {
    expect(agentMayResume({ status: 'paused', pauseReason: 'agent' })).toBe(true)
    for (const pauseReason of ['board', 'pause_all', 'agent_ended', 'project_deleted'] as const)
      expect(agentMayResume({ status: 'paused', pauseReason })).toBe(false)
  })
})
