import { describe, expect, test } from 'vitest'
import { parseCron } from '../../../platform/cron/index.ts'
import type { RoutineTrigger } from '../../api/types.ts'
import { formOf, frequent, newTrigger, triggerBody } from './triggerForm.ts'

describe('the form of a trigger', () => {
  test('A new trigger is sent with its kind and the fields of that kind', () => {
    const form = newTrigger('Europe/Berlin')
    expect(triggerBody(form, true)).toEqual({
      kind: 'schedule',
      label: null,
      enabled: true,
      cronExpression: '0 9 * * 1-5',
      timezone: 'Europe/Berlin',
    })
    expect(triggerBody({ ...form, kind: 'webhook', label: ' Builds ' }, true)).toEqual({
      kind: 'webhook',
      label: 'Builds',
      enabled: true,
      signingMode: 'bearer',
      replayWindowSec: 300,
    })
    expect(triggerBody({ ...form, kind: 'api' }, true)).toEqual({ kind: 'api', label: null, enabled: true })
  })

  test('A changed trigger keeps its kind, which is not sent', () => {
    const trigger = { kind: 'webhook', label: 'Builds', enabled: false, signingMode: 'hmac_sha256', replayWindowSec: 60 } as RoutineTrigger
    expect(triggerBody({ ...formOf(trigger), enabled: true }, false)).toEqual({
      label: 'Builds',
      enabled: true,
      signingMode: 'hmac_sha256',
      replayWindowSec: 60,
    })
  })

  test('Every schedule that is offered is one for the server', () => {
    for (const { value } of frequent) expect(parseCron(value), value).not.toBeNull()
  })
})
