import type { ReactNode } from 'react'
import { useCompany } from '../../frame/company.tsx'
import { CheckField, SelectField, TextField } from '../../parts/fields.tsx'
import { NumberField } from '../../parts/NumberField.tsx'
import { useScopes } from './data.ts'
import { faultsOf } from './policyForm.ts'
import type { PolicyForm } from './policyForm.ts'

const scopes = [
  { value: 'company', label: 'The company' },
  { value: 'agent', label: 'One agent' },
  { value: 'project', label: 'One project' },
]

const windows = [
  { value: 'calendar_month_utc', label: 'Each month' },
  { value: 'lifetime', label: 'A lifetime' },
]

interface PolicyFieldsProps {
  readonly form: PolicyForm
  /** The scope and the window of a policy stay as they are. */
  readonly isNew: boolean
  readonly onChange: (changes: Partial<PolicyForm>) => void
}

/** The fields of a policy. */
export function PolicyFields({ form, isNew, onChange }: PolicyFieldsProps): ReactNode {
  const faults = faultsOf(form)
  return (
    <>
      {isNew && <ScopeFields form={form} onChange={onChange} />}
      <div className="two">
        <TextField
          label="Limit in US dollars"
          value={form.amount}
          onChange={(amount) => onChange({ amount })}
          hint={faults.amount ?? 'What may be spent in the window.'}
          isRequired
          isFirst
        />
        <NumberField
          label="Warn at percent"
          value={form.warnPercent}
          onChange={(warnPercent) => onChange({ warnPercent })}
          min={1}
          max={99}
          step={1}
          hint={faults.warnPercent ?? 'A warning stops nothing.'}
        />
      </div>
      <CheckField
        label="At the limit, stop running work, and start no other"
        value={form.isHard}
        onChange={(isHard) => onChange({ isHard })}
      />
      <CheckField label="Record a warning" value={form.notifies} onChange={(notifies) => onChange({ notifies })} />
      {form.isHard && (
        <TextField
          label="A run reserves, in US dollars"
          value={form.reserve}
          onChange={(reserve) => onChange({ reserve })}
          hint={
            faults.reserve ??
            'Kept for each run when it starts, so that many runs together stay within the limit. Empty: what earlier runs cost.'
          }
        />
      )}
    </>
  )
}

function ScopeFields({ form, onChange }: Omit<PolicyFieldsProps, 'isNew'>): ReactNode {
  const { id } = useCompany()
  const choices = useScopes()
  const kind = form.scopeType
  return (
    <div className="two">
      <SelectField
        label="Of"
        value={kind}
        choices={scopes}
        onChange={(value) => {
          const scopeType = value as PolicyForm['scopeType']
          onChange({ scopeType, scopeId: scopeType === 'company' ? id : '' })
        }}
      />
      <SelectField
        label="Window"
        value={form.windowKind}
        choices={windows}
        onChange={(value) => onChange({ windowKind: value as PolicyForm['windowKind'] })}
      />
      {kind !== 'company' && (
        <SelectField
          label={kind === 'agent' ? 'Agent' : 'Project'}
          value={form.scopeId}
          choices={choices[kind]}
          none={`Choose ${kind === 'agent' ? 'an agent' : 'a project'}`}
          onChange={(scopeId) => onChange({ scopeId })}
          isRequired
        />
      )}
    </div>
  )
}
