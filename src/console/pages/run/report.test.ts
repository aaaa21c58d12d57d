import { expect, test } from 'vitest'
import type { RunEvent } from '../../api/types.ts'
import { resultParts, startOf, usageLines } from './report.ts'

const invoked = (payload: Record<string, unknown>): RunEvent => ({
  id: 1,
  companyId: 'c',
  runId: 'r',
  agentId: 'a',
  seq: 1,
  eventType: 'adapter.invoke',
  stream: null,
  level: 'info',
  color: null,
  message: 'adapter invocation',
  payload,
  createdAt: '2026-01-01T00:00:00.000Z',
})

test('The start of a run shows the command with its quotes, and the names of its variables alone', () => {
  const start = startOf([
    invoked({ adapterType: 'process', command: '/bin/sh', commandArgs: ['-c', "echo 'a b'"], env: ['HOME', 'PATH'], timeoutSec: 0 }),
  ])
  expect(start).toEqual({
    lines: [['Adapter', 'process']],
    command: String.raw`/bin/sh -c 'echo '\''a b'\'''`,
    variables: ['HOME', 'PATH'],
  })
  expect(startOf([])).toBeNull()
})

test('The usage has the counts that the agent reported, in either spelling', () => {
  const names = usageLines({ usageJson: { input_tokens: 4, outputTokens: 2, model: 'm' } }).map(([name]) => name)
  expect(names).toEqual(['Model', 'Input tokens', 'Output tokens'])
  expect(usageLines({ usageJson: null })).toEqual([])
})

test('A result is its summary and the rest', () => {
  expect(resultParts({ summary: 'Done', files: 2 })).toEqual({ words: 'Done', rest: { files: 2 } })
  expect(resultParts({ result: 'Done' })).toEqual({ words: 'Done', rest: null })
  expect(resultParts(null)).toEqual({ words: null, rest: null })
})
