import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { eventPattern, matches, wantsRunEvents } from './filters.ts'
import { retryAfterSeconds, RETRY_WAITS_S, waitSeconds } from './schedule.ts'
import { createSecret, messageIdOf, signedHeaders } from './signing.ts'

describe('the filters of a webhook', () => {
  test('A name matches itself, the beginning of names matches what follows it, and a star matches everything', () => {
    expect(matches(['issue.created'], 'issue.created')).toBe(true)
    expect(matches(['issue.created'], 'issue.created_again')).toBe(false)
    expect(matches(['issue.*'], 'issue.comment.added')).toBe(true)
    expect(matches(['issue.*'], 'issues.created')).toBe(false)
    expect(matches(['goal.*', '*'], 'issue.created')).toBe(true)
    expect(matches([], 'issue.created')).toBe(false)
  })

  test('Only patterns that match events of runs want them', () => {
    expect([['*'], ['heartbeat.*'], ['heartbeat.run.event'], ['issue.*'], ['heartbeat.run_finished']].map(wantsRunEvents)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })

  test('A pattern is a name, the beginning of names, or a star, and nothing else', () => {
    for (const pattern of ['*', 'issue.*', 'issue.created', 'heartbeat.run.event', 'heartbeat.run_started'])
      expect(eventPattern.test(pattern), pattern).toBe(true)
    for (const pattern of [
      '',
      '**',
      '*.created',
      'issue*',
      'issue.',
      '.issue',
      'Issue.created',
      'issue..created',
      'issue.*.x',
      'a b',
      'issue.created\n',
    ])
      expect(eventPattern.test(pattern), pattern).toBe(false)
  })
})

describe('the schedule of retries', () => {
  test('Waits grow as the schedule says and stay at the longest, with a jitter that only lengthens them', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 100].map((failures) => waitSeconds(failures, null, 0))).toEqual([...RETRY_WAITS_S, 36_000, 36_000])
    expect(waitSeconds(2, null, 1)).toBeCloseTo(330)
  })

  test('Retry-After lengthens a wait, up to the longest of the schedule, and never shortens it', () => {
    expect(waitSeconds(1, 120, 0)).toBe(120)
    expect(waitSeconds(3, 1, 0)).toBe(1800)
    expect(waitSeconds(1, 10_000_000, 0)).toBe(36_000)
  })

  test('Retry-After is read as seconds or as an instant, and anything else is as if it were absent', () => {
    expect(retryAfterSeconds('120', 0)).toBe(120)
    expect(retryAfterSeconds('Thu, 01 Jan 1970 00:02:00 GMT', 60)).toBe(60)
    expect(retryAfterSeconds('Thu, 01 Jan 1970 00:00:00 GMT', 60)).toBe(0)
    for (const header of ['soon', '', '-5x', '1e9999']) expect(retryAfterSeconds(header, 0) ?? 0, header).toBeLessThanOrEqual(0)
    expect(retryAfterSeconds(null, 0)).toBeNull()
  })
})

describe('the signature of a message', () => {
  const now = (): number => Math.floor(Date.now() / 1000)

  test('The package standardwebhooks verifies a message with either of two secrets, and refuses it with another, another body or an old time', () => {
    const [current, previous, other] = [createSecret(), createSecret(), createSecret()]
    const message = { id: 'msg_1', timestamp: now(), body: '{"type":"x","text":"ü"}' }
    const headers = signedHeaders([current, previous], message)
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2)
    for (const secret of [current, previous]) expect(new Webhook(secret).verify(message.body, headers)).toEqual({ type: 'x', text: 'ü' })
    expect(() => new Webhook(other).verify(message.body, headers)).toThrow()
    expect(() => new Webhook(current).verify(`${message.body} `, headers)).toThrow()
    const old = { ...message, timestamp: now() - 3600 }
    expect(() => new Webhook(current).verify(old.body, signedHeaders([current], old))).toThrow()
  })

  test('The id of a message depends on the endpoint and the event alone', () => {
    const event = { txid: 7n, source: 0, number: 12 }
    expect(messageIdOf('a', event)).toBe(messageIdOf('a', { ...event, txid: 8n }))
    const others = [messageIdOf('b', event), messageIdOf('a', { ...event, source: 1 }), messageIdOf('a', { ...event, number: 13 })]
    expect(new Set([messageIdOf('a', event), ...others]).size).toBe(4)
    expect(messageIdOf('a', event)).toMatch(/^msg_[0-9a-f]{32}$/)
  })
})
