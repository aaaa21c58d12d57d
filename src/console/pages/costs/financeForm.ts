// The form of a finance event, and the event that it makes.

import type { FinanceEvent } from '../../api/types.ts'
import { centsOf } from '../../parts/money.ts'
import type { NewFinanceEvent } from './data.ts'

/** The kinds of finance events, the most frequent first. */
export const financeKinds: readonly FinanceEvent['eventKind'][] = [
  'inference_charge',
  'platform_fee',
  'credit_purchase',
  'credit_refund',
  'credit_expiry',
  'byok_fee',
  'gateway_overhead',
  'log_storage_charge',
  'logpush_charge',
  'provisioned_capacity_charge',
  'training_charge',
  'custom_model_import_charge',
  'custom_model_storage_charge',
  'manual_adjustment',
]

export interface FinanceForm {
  readonly kind: FinanceEvent['eventKind']
  readonly direction: FinanceEvent['direction']
  readonly biller: string
  /** As it was typed. */
  readonly amount: string
  /** A day of UTC; null for none. */
  readonly day: string | null
  readonly isEstimated: boolean
  readonly invoice: string
  readonly description: string
}

const textOf = (text: string): string | null => (text.trim() === '' ? null : text.trim())

/** The event of a form; null while a field that it needs is missing or wrong. */
export function eventOf(form: FinanceForm): NewFinanceEvent | null {
  const biller = textOf(form.biller)
  const amountCents = form.amount.trim() === '' ? null : centsOf(form.amount)
  if (biller === null || amountCents === null || form.day === null) return null
  return {
    eventKind: form.kind,
    direction: form.direction,
    biller,
    amountCents,
    occurredAt: `${form.day}T00:00:00.000Z`,
    estimated: form.isEstimated,
    externalInvoiceId: textOf(form.invoice),
    description: textOf(form.description),
  }
}
