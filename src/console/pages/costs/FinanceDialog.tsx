import { useState } from 'react'
import type { ReactNode } from 'react'
import { newKey } from '../../api/idempotency.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { DateField } from '../../parts/DateField.tsx'
import { CheckField, SelectField, TextField } from '../../parts/fields.tsx'
import { centsOf, formatCents } from '../../parts/money.ts'
import { notify } from '../../parts/notices.tsx'
import { useAddFinanceEvent } from './data.ts'
import { eventOf, financeKinds } from './financeForm.ts'
import type { FinanceForm } from './financeForm.ts'
import { spoken } from './words.ts'

const directions = [
  { value: 'debit', label: 'Paid' },
  { value: 'credit', label: 'Received' },
]

/** Adds an invoice, a credit or another event that no run reports. */
export function FinanceDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [form, setForm] = useState<FinanceForm>(() => ({
    kind: 'inference_charge',
    direction: 'debit',
    biller: '',
    amount: '',
    day: new Date().toISOString().slice(0, 10),
    isEstimated: false,
    invoice: '',
    description: '',
  }))
  const [key] = useState(newKey)
  const add = useAddFinanceEvent(key)
  const set = (changes: Partial<FinanceForm>): void => setForm((before) => ({ ...before, ...changes }))
  const event = eventOf(form)
  return (
    <ActDialog
      title="Add an event"
      confirm="Add the event"
      isBlocked={event === null}
      onClose={onClose}
      act={async () => {
        if (event === null) return
        await add.mutateAsync(event)
        notify(`${formatCents(event.amountCents)} of ${event.biller} is added`)
      }}
    >
      <p>It is kept for good: a correction is an event in the other direction. It counts against no budget.</p>
      <div className="two">
        <SelectField
          label="Kind"
          value={form.kind}
          choices={financeKinds.map((value) => ({ value, label: spoken(value) }))}
          onChange={(kind) => set({ kind: kind as FinanceForm['kind'] })}
          isFirst
        />
        <SelectField
          label="Direction"
          value={form.direction}
          choices={directions}
          onChange={(direction) => set({ direction: direction as FinanceForm['direction'] })}
        />
        <TextField label="Biller" value={form.biller} onChange={(biller) => set({ biller })} isRequired maxLength={200} />
        <TextField
          label="Amount in US dollars"
          value={form.amount}
          onChange={(amount) => set({ amount })}
          isRequired
          {...(centsOf(form.amount) === null ? { hint: 'This is no amount: write it as 250 or 12.50.' } : {})}
        />
        <DateField label="Day (UTC)" value={form.day} onChange={(day) => set({ day })} />
        <TextField label="Invoice number" value={form.invoice} onChange={(invoice) => set({ invoice })} maxLength={200} />
      </div>
      <TextField label="Description" value={form.description} onChange={(description) => set({ description })} rows={2} maxLength={2000} />
      <CheckField label="The amount is an estimate" value={form.isEstimated} onChange={(isEstimated) => set({ isEstimated })} />
    </ActDialog>
  )
}
