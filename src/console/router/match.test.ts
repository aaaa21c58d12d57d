import { expect, test } from 'vitest'
import { match } from './match.ts'

test('A path fits a pattern part by part, and its parameters are decoded', () => {
  expect(match('issues/:issue', 'issues/ACM-1')).toEqual({ issue: 'ACM-1' })
  expect(match('agents/:agent', 'agents/a%2Fb%20%C3%BC')).toEqual({ agent: 'a/b ü' })
  expect(match('issues', '/issues/')).toEqual({})
  expect(match('issues', 'runs')).toBeNull()
  expect(match('issues/:issue', 'issues')).toBeNull()
  expect(match('issues/:issue', 'issues/a/b')).toBeNull()
})

test('A part that is encoded wrongly fits nothing', () => {
  expect(match('issues/:issue', 'issues/%E0%A4%A')).toBeNull()
})
