import { describe, expect, test } from 'vitest'
import { progressStates } from '../../../control/stalled/progress.ts'
import type { IssueDetail, Why } from '../../api/types.ts'
import { whySentence } from './why.ts'

const names = { agent: () => 'Ada', person: () => 'Ann' }
const issue = {
  status: 'todo',
  assigneeAgentId: 'a',
  assigneeUserId: null,
  projectId: 'p',
  blockedBy: [{ id: 'b', identifier: 'ACM-3' }],
} as unknown as IssueDetail
const why = (fields: Partial<Why>): Why => ({ holderRunId: 'r', blockedByIssueIds: ['b'], lastRun: null, ...fields }) as Why

describe('why nothing happens', () => {
  test.each(Object.entries(progressStates) as [Why['why'], string | null][])(
    'The state %s is one sentence, with an act where the server has one',
    (state, act) => {
      const { sentence, act: offered } = whySentence(why({ why: state }), issue, names)
      expect(sentence).toMatch(/^[A-Z][^.]*(?:\. [A-Z][^.]*)?\.$/)
      expect(sentence).not.toMatch(/undefined|null/)
      if (act !== null && state !== 'stalled') expect(offered).not.toBeNull()
    },
  )

  test('A blocker is named, and the act leads to it', () => {
    expect(whySentence(why({ why: 'blocked_by_issues' }), issue, names)).toEqual({
      tone: 'warn',
      sentence: 'Nothing happens, because it waits for ACM-3.',
      act: { kind: 'open', path: 'issues/ACM-3', words: 'Go to ACM-3' },
    })
  })

  test('The failure of the last run is said', () => {
    const lastRun = { id: 'r', status: 'failed', errorCode: 'spawn_failed', error: null }
    expect(whySentence(why({ why: 'board_notified', lastRun }), issue, names).sentence).toBe(
      'Nothing happens, because Ada was woken and did nothing; its last run ended with spawn failed.',
    )
  })
})
