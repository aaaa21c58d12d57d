// The form of a trigger: what is typed, and what is sent. Pure.

import type { RoutineTrigger } from '../../api/types.ts'
import type { TriggerBody } from './data.ts'

export type TriggerKind = RoutineTrigger['kind']
type SigningMode = NonNullable<RoutineTrigger['signingMode']>

/** The fields of a trigger while they are typed. */
export interface TriggerForm {
  readonly kind: TriggerKind
  readonly label: string
  readonly enabled: boolean
  readonly cronExpression: string
  readonly timezone: string
  readonly signingMode: SigningMode
  /** In seconds. */
  readonly replayWindow: string
}

const REPLAY_WINDOW = '300'

/** @param zone of the reader, which a schedule begins with */
export const newTrigger = (zone: string): TriggerForm => ({
  kind: 'schedule',
  label: '',
  enabled: true,
  cronExpression: '0 9 * * 1-5',
  timezone: zone,
  signingMode: 'bearer',
  replayWindow: REPLAY_WINDOW,
})

export const formOf = (trigger: RoutineTrigger): TriggerForm => ({
  kind: trigger.kind,
  label: trigger.label ?? '',
  enabled: trigger.enabled,
  cronExpression: trigger.cronExpression ?? '',
  timezone: trigger.timezone ?? 'UTC',
  signingMode: trigger.signingMode ?? 'bearer',
  replayWindow: trigger.replayWindowSec === null ? REPLAY_WINDOW : String(trigger.replayWindowSec),
})

/** The fields that the kind has; the kind itself only for a new one. */
export function triggerBody(form: TriggerForm, isNew: boolean): TriggerBody {
  const { kind, enabled, cronExpression, timezone, signingMode, replayWindow } = form
  const label = form.label.trim()
  const shared = { ...(isNew ? { kind } : {}), label: label === '' ? null : label, enabled }
  if (kind === 'schedule') return { ...shared, cronExpression: cronExpression.trim(), timezone: timezone.trim() }
  return kind === 'webhook' ? { ...shared, signingMode, replayWindowSec: Number(replayWindow) } : shared
}

/** Schedules that are often wanted. */
export const frequent: readonly { readonly value: string; readonly label: string }[] = [
  { value: '0 9 * * 1-5', label: 'On working days at 9' },
  { value: '0 9 * * 1', label: 'On Mondays at 9' },
  { value: '0 9 1 * *', label: 'On the first of each month at 9' },
  { value: '0 2 * * *', label: 'Every night at 2' },
  { value: '0 * * * *', label: 'Every hour' },
  { value: '*/15 * * * *', label: 'Every 15 minutes' },
]
