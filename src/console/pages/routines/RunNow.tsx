import { useState } from 'react'
import type { ReactNode } from 'react'
import { newKey } from '../../api/idempotency.ts'
import type { RoutineDetail, RoutineRun } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { NumberField } from '../../parts/NumberField.tsx'
import { notify } from '../../parts/notices.tsx'
import { useRunRoutine } from './data.ts'
import { runValues, startValues } from './routineForm.ts'

interface RunNowProps {
  readonly routine: RoutineDetail
  readonly onClose: () => void
}

/** The outcome of a run, in a sentence. */
function outcomeOf({ status, failureReason }: RoutineRun): string {
  if (status === 'issue_created') return 'An issue is made'
  if (status === 'coalesced') return 'The open issue of an earlier run goes on'
  return `No issue is made${failureReason === null ? '' : `: ${failureReason}`}`
}

/** Runs a routine by hand, with values for its variables. */
export function RunNow({ routine, onClose }: RunNowProps): ReactNode {
  const { title, variables, status, activeIssue, concurrencyPolicy } = routine
  const [typed, setTyped] = useState(() => startValues(variables))
  const [idempotencyKey, setKey] = useState(newKey)
  const run = useRunRoutine(routine.id)
  const set = (name: string, value: string): void => {
    // With other values it is another run.
    setKey(newKey())
    setTyped((before) => ({ ...before, [name]: value }))
  }
  return (
    <ActDialog
      title={`Run ${title}`}
      confirm="Run now"
      onClose={onClose}
      act={async () => notify(outcomeOf(await run.mutateAsync({ variables: runValues(variables, typed), idempotencyKey })))}
    >
      <p>
        {status === 'paused' && 'The routine is paused; this one run is made all the same. '}
        {activeIssue === null || concurrencyPolicy === 'always_enqueue'
          ? 'It makes an issue, and its agent is woken.'
          : `${activeIssue.identifier} of an earlier run is still open, so this run makes no issue of its own.`}
      </p>
      {variables.map((variable) => (
        <VariableField
          key={variable.name}
          variable={variable}
          value={typed[variable.name] ?? ''}
          onChange={(value) => set(variable.name, value)}
        />
      ))}
    </ActDialog>
  )
}

interface VariableFieldProps {
  readonly variable: RoutineDetail['variables'][number]
  readonly value: string
  readonly onChange: (value: string) => void
}

const booleans = [
  { value: 'true', label: 'yes' },
  { value: 'false', label: 'no' },
]

function VariableField({ variable, value, onChange }: VariableFieldProps): ReactNode {
  const { name, label, type, required, options } = variable
  const shared = { label: label ?? name, value, onChange, isRequired: required }
  const none = required ? 'choose' : 'none'
  switch (type) {
    case 'text':
      return <TextField {...shared} maxLength={10_000} />
    case 'textarea':
      return <TextField {...shared} rows={4} maxLength={10_000} />
    case 'number':
      return <NumberField label={shared.label} value={value} onChange={onChange} />
    case 'boolean':
      return <SelectField {...shared} none={none} choices={booleans} />
    case 'select':
      return <SelectField {...shared} none={none} choices={options.map((option) => ({ value: option, label: option }))} />
  }
}
