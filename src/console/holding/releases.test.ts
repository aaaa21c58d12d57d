import { describe, expect, test } from 'vitest'
import { ApiProblem } from '../api/client.ts'
import type { ForceReleased, Hold } from '../api/types.ts'
import { withReason } from './reasons.ts'
import { confirmWords, firstRelease, toSend, withNewPreview, withPreview, withRefusal } from './releases.ts'
import type { Release } from './releases.ts'

const holdOf = (identifier: string, runId: string): Hold =>
  ({ issueId: identifier, identifier, checkoutRunId: runId, executionRunId: runId, holder: { runId } }) as unknown as Hold

const previewOf = (checkoutRunId: string | null, executionRunId = checkoutRunId): ForceReleased =>
  ({ previous: { checkoutRunId, executionRunId }, evicted: [], cancelledRunIds: [], next: null }) as unknown as ForceReleased

const ready = (identifier: string): Release => withPreview(firstRelease(holdOf(identifier, 'a')), previewOf('a'))
const problem = (status: number): ApiProblem => new ApiProblem('No', { status, code: 'no', details: null, requestId: null, body: {} })

describe('the issues of a force-release', () => {
  test('An issue whose holder is the one that was seen is ready', () => {
    expect(ready('ACM-1')).toMatchObject({ seenRunId: 'a', hasChanged: false, state: { kind: 'ready' } })
    const mixed = withPreview(firstRelease(holdOf('ACM-1', 'a')), previewOf('a', 'b'))
    expect(mixed).toMatchObject({ seenRunId: 'a', hasChanged: false })
  })

  test('Another holder is noticed, and stays noticed when the options change', () => {
    const changed = withPreview(ready('ACM-1'), previewOf('b'))
    expect(changed).toMatchObject({ seenRunId: 'b', hasChanged: true, state: { kind: 'ready' } })
    expect(withPreview(withNewPreview(changed), previewOf('b'))).toMatchObject({ seenRunId: 'b', hasChanged: true })
  })

  test('An issue that no run holds any more is not sent', () => {
    const free = withPreview(firstRelease(holdOf('ACM-1', 'a')), previewOf(null))
    expect(free.state).toEqual({ kind: 'free' })
    expect(toSend([free, ready('ACM-2')]).map(({ release }) => release.hold.identifier)).toEqual(['ACM-2'])
  })

  test('A refusal is sent again only where no answer came or the server said later', () => {
    const sending = (identifier: string): Release => ({ ...ready(identifier), state: { kind: 'sending', preview: previewOf('a') } })
    const releases = [
      withRefusal(sending('ACM-1'), problem(0)),
      withRefusal(sending('ACM-2'), problem(503)),
      withRefusal(sending('ACM-3'), problem(403)),
    ]
    expect(toSend(releases).map(({ release }) => release.hold.identifier)).toEqual(['ACM-1', 'ACM-2'])
    expect(toSend([withRefusal(firstRelease(holdOf('ACM-4', 'a')), problem(0))])).toEqual([])
  })

  test('The confirmation names the one issue, or the number of those that are ready', () => {
    expect(confirmWords([firstRelease(holdOf('ACM-1', 'a'))])).toBe('Force-release ACM-1')
    expect(confirmWords([ready('ACM-1'), ready('ACM-2')])).toBe('Force-release 2 issues')
    expect(confirmWords([ready('ACM-1'), withRefusal(ready('ACM-2'), problem(403))])).toBe('Force-release ACM-1')
  })

  test('Five reasons are kept, the newest first and each once', () => {
    expect(withReason(['a', 'b', 'c', 'd', 'e'], 'c')).toEqual(['c', 'a', 'b', 'd', 'e'])
    expect(withReason(['a', 'b', 'c', 'd', 'e'], 'f')).toEqual(['f', 'a', 'b', 'c', 'd'])
  })
})
