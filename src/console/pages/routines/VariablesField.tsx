import type { ReactNode } from 'react'
import { CheckField, SelectField, TextField } from '../../parts/fields.tsx'
import { blankVariable } from './routineForm.ts'
import type { VariableDraft, VariableType } from './routineForm.ts'

const types: readonly { readonly value: VariableType; readonly label: string }[] = [
  { value: 'text', label: 'a line of text' },
  { value: 'textarea', label: 'a longer text' },
  { value: 'number', label: 'a number' },
  { value: 'boolean', label: 'yes or no' },
  { value: 'select', label: 'one of some values' },
]

interface VariablesFieldProps {
  readonly variables: readonly VariableDraft[]
  readonly onChange: (variables: readonly VariableDraft[]) => void
}

/** The variables of a routine: what each run is asked for, or takes the default of. */
export function VariablesField({ variables, onChange }: VariablesFieldProps): ReactNode {
  const set = (at: number, changes: Partial<VariableDraft>): void =>
    onChange(variables.map((variable, each) => (each === at ? { ...variable, ...changes } : variable)))
  return (
    <fieldset className="routine-variables">
      <legend>Variables</legend>
      {variables.map((variable, at) => (
        <VariableFields
          key={at}
          number={at + 1}
          variable={variable}
          onChange={(changes) => set(at, changes)}
          onRemove={() => onChange(variables.filter((_, each) => each !== at))}
        />
      ))}
      <button type="button" className="secondary" onClick={() => onChange([...variables, blankVariable])}>
        Add a variable
      </button>
      <p className="soft">A run by a schedule takes the defaults. A webhook and a run by hand may give other values.</p>
    </fieldset>
  )
}

interface VariableFieldsProps {
  readonly number: number
  readonly variable: VariableDraft
  readonly onChange: (changes: Partial<VariableDraft>) => void
  readonly onRemove: () => void
}

function VariableFields({ number, variable, onChange, onRemove }: VariableFieldsProps): ReactNode {
  const { name, label, type, defaultValue, required, options } = variable
  return (
    <div role="group" aria-label={`Variable ${number}`} className="routine-variable">
      <div className="two">
        <TextField label="Name" value={name} onChange={(typed) => onChange({ name: typed })} isRequired maxLength={63} placeholder="week" />
        <SelectField
          label="Takes"
          value={type}
          onChange={(chosen) => onChange({ type: chosen as VariableType, defaultValue: '' })}
          choices={types}
        />
        <TextField label="Words in the form" value={label} onChange={(typed) => onChange({ label: typed })} maxLength={200} />
        <DefaultField variable={variable} value={defaultValue} onChange={(typed) => onChange({ defaultValue: typed })} />
      </div>
      {type === 'select' && (
        <TextField
          label="Values"
          value={options}
          onChange={(typed) => onChange({ options: typed })}
          hint="One in each line."
          rows={3}
          isRequired
        />
      )}
      <div className="row">
        <CheckField label="Has to be given" value={required} onChange={(isOn) => onChange({ required: isOn })} />
        <button type="button" className="quiet" onClick={onRemove}>
          Remove<span className="hidden"> variable {name === '' ? number : name}</span>
        </button>
      </div>
    </div>
  )
}

interface DefaultFieldProps {
  readonly variable: VariableDraft
  readonly value: string
  readonly onChange: (value: string) => void
}

function DefaultField({ variable: { type, options }, value, onChange }: DefaultFieldProps): ReactNode {
  if (type === 'boolean' || type === 'select') {
    const values = type === 'boolean' ? ['true', 'false'] : options.split('\n').filter((line) => line.trim() !== '')
    return (
      <SelectField
        label="Default"
        value={value}
        onChange={onChange}
        none="none"
        choices={values.map((each) => ({ value: each.trim(), label: booleanWords[each] ?? each.trim() }))}
      />
    )
  }
  return <TextField label="Default" value={value} onChange={onChange} maxLength={10_000} {...(type === 'textarea' ? { rows: 2 } : {})} />
}

const booleanWords: Readonly<Record<string, string>> = { true: 'yes', false: 'no' }
