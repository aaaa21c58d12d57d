import { describe, expect, test } from 'vitest'
import { webhookStops } from '../../../model/webhookStatus.ts'
import { deliveryErrors } from '../../../observe/webhooks/deliveryErrors.ts'
import type { Webhook } from '../../api/types.ts'
import { inOrder, outcomeOf, patternsIn, patternsText, stateOf } from './words.ts'

const webhook = (id: string, fields: Partial<Webhook>): Webhook =>
  ({
    id,
    status: 'active',
    stoppedReason: null,
    consecutiveFailures: 0,
    lastError: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    ...fields,
  }) as Webhook

describe('the words about webhooks', () => {
  test('Every reason for which a webhook is stopped has a sentence, and every error of a delivery has words', () => {
    for (const stoppedReason of webhookStops) expect(stateOf(webhook('a', { status: 'parked', stoppedReason })).why).toMatch(/\.$/)
    for (const errorCode of deliveryErrors) expect(outcomeOf({ status: null, errorCode })).toMatchObject({ tone: 'bad' })
    expect(outcomeOf({ status: 503, errorCode: 'status' }).words).toBe('503, refused')
    expect(outcomeOf({ status: 204, errorCode: null })).toEqual({ words: '204', tone: 'good' })
  })

  test('A webhook that fails says how often, and why', () => {
    expect(stateOf(webhook('a', { consecutiveFailures: 3, lastError: '503' })).why).toBe(
      '3 attempts at one event failed, and later events wait behind it: 503',
    )
  })

  test('Those that need a person come first, then those that fail, then the others by age', () => {
    const rows = [
      webhook('disabled', { status: 'disabled', stoppedReason: 'board' }),
      webhook('newer', { createdAt: '2026-02-01T00:00:00.000Z' }),
      webhook('older', {}),
      webhook('failing', { consecutiveFailures: 1 }),
      webhook('gone', { status: 'disabled', stoppedReason: 'gone' }),
      webhook('parked', { status: 'parked', stoppedReason: 'retries_exhausted' }),
    ]
    expect(inOrder(rows).map(({ id }) => id)).toEqual(['gone', 'parked', 'failing', 'older', 'newer', 'disabled'])
  })

  test('Patterns are read from lines, and from lists with commas', () => {
    expect(patternsIn(' issue.*\nrun.finished, approval.* \n')).toEqual(['issue.*', 'run.finished', 'approval.*'])
    expect(patternsIn(patternsText(['a', 'b']))).toEqual(['a', 'b'])
  })
})
