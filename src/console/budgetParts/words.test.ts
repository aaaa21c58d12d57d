import { expect, test } from 'vitest'
import { incidentTitle, isOpenStop, policyState, scopeInside, scopePage, scopeWords, windowWords } from './words.ts'

const agent = { scopeType: 'agent', scopeId: 'a1', scopeName: 'Grace' } as const
const project = { scopeType: 'project', scopeId: 'p1', scopeName: 'Wiki' } as const
const company = { scopeType: 'company', scopeId: 'c1', scopeName: 'Acme' } as const
const policy = { isActive: true, status: 'ok', hardStopEnabled: true, utilizationPercent: 10 } as const

test('A scope is said in words, at the beginning of a sentence and inside of one, and has a page unless it is the company', () => {
  expect([agent, project, company].map(scopeWords)).toEqual(['Grace', 'The project Wiki', 'The company'])
  expect([agent, project, company].map(scopeInside)).toEqual(['Grace', 'the project Wiki', 'the company'])
  expect([agent, project, company].map(scopePage)).toEqual(['agents/a1', 'projects/p1', null])
  expect(windowWords('calendar_month_utc')).toBe('a month')
})

test('Only a hard limit that is used up says that it stops; a limit that only warns never does', () => {
  expect(policyState(policy)).toMatchObject({ words: 'ok', tone: 'good' })
  expect(policyState({ ...policy, status: 'warning' })).toMatchObject({ words: 'warning', tone: 'warn' })
  expect(policyState({ ...policy, status: 'hard_stop' })).toMatchObject({ words: 'stopped', tone: 'bad' })
  expect(policyState({ ...policy, status: 'warning', hardStopEnabled: false, utilizationPercent: 130 })).toMatchObject({
    words: 'warning: over the limit',
    tone: 'warn',
    bar: 'warn',
  })
  expect(policyState({ ...policy, status: 'hard_stop', isActive: false })).toMatchObject({ words: 'off', tone: 'quiet' })
})

test('An open hard incident is an order to stop, and no other incident is', () => {
  expect(isOpenStop({ thresholdType: 'hard', status: 'open' })).toBe(true)
  expect(isOpenStop({ thresholdType: 'soft', status: 'open' })).toBe(false)
  expect(isOpenStop({ thresholdType: 'hard', status: 'dismissed' })).toBe(false)
  expect(incidentTitle({ ...project, thresholdType: 'hard' })).toBe('The project Wiki is stopped by its budget')
  expect(incidentTitle({ ...agent, thresholdType: 'soft' })).toBe('Grace has spent most of its budget')
})
