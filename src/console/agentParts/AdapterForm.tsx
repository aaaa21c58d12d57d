import type { ReactNode } from 'react'
import { CheckField, SelectField, TextField } from '../parts/fields.tsx'
import { NumberField } from '../parts/NumberField.tsx'
import { choicesOf, fieldsOf, hintOf, isRequired, kindOf, labelOf, limitsOf } from './adapterFields.ts'
import type { AdapterField } from './adapterFields.ts'
import { faultOf } from './formValues.ts'
import type { FormValue, FormValues, Pair } from './formValues.ts'
import { PairsField } from './PairsField.tsx'

interface AdapterFormProps {
  readonly type: string
  readonly values: FormValues
  readonly onChange: (values: FormValues) => void
}

/** Fields that a person needs first; the others are folded away. */
const FIRST = new Set(['command', 'args', 'cwd', 'env', 'url', 'model', 'headers', 'authToken', 'instructionsFilePath'])

/** The configuration of an adapter as a form, made from its fields. */
export function AdapterForm({ type, values, onChange }: AdapterFormProps): ReactNode {
  const fields = fieldsOf(type)
  if (fields.length === 0) return <p className="soft">This console knows no fields of {type}. Its configuration can be changed as JSON.</p>
  const editor = (field: AdapterField): ReactNode => (
    <FieldEditor
      key={field.name}
      field={field}
      value={values[field.name]}
      onChange={(value) => onChange({ ...values, [field.name]: value })}
    />
  )
  const further = fields.filter(({ name }) => !FIRST.has(name))
  return (
    <>
      {fields.filter(({ name }) => FIRST.has(name)).map(editor)}
      <details className="further" open={further.some((field) => faultOf(field, values[field.name]) !== null) || undefined}>
        <summary>{further.length} further fields</summary>
        {further.map(editor)}
      </details>
    </>
  )
}

interface FieldEditorProps {
  readonly field: AdapterField
  readonly value: FormValue | undefined
  readonly onChange: (value: FormValue) => void
}

function FieldEditor({ field, value, onChange }: FieldEditorProps): ReactNode {
  const fault = faultOf(field, value)
  return (
    <>
      <Editor field={field} value={value} onChange={onChange} />
      {fault !== null && (
        <p role="alert" className="field-fault">
          {labelOf(field)}: {fault}
        </p>
      )}
    </>
  )
}

function Editor({ field, value, onChange }: FieldEditorProps): ReactNode {
  const shared = { label: labelOf(field), hint: hintOf(field) }
  const text = typeof value === 'string' ? value : ''
  const pairs = Array.isArray(value) ? (value as readonly Pair[]) : []
  switch (kindOf(field)) {
    case 'switch':
      return <CheckField label={`${shared.label}. ${shared.hint}`} value={value === true} onChange={onChange} />
    case 'number':
      return <NumberField {...shared} {...limitsOf(field)} value={text} onChange={onChange} />
    case 'choice':
      return (
        <SelectField
          label={`${shared.label} (${field.name})`}
          value={text}
          onChange={onChange}
          none="As without it"
          choices={choicesOf(field).map((choice) => ({ value: choice, label: choice }))}
        />
      )
    case 'names':
      return <PairsField {...shared} pairs={pairs} onChange={onChange} />
    case 'value':
      return (
        <TextField
          {...shared}
          value={pairs[0]?.text ?? ''}
          onChange={(next) => onChange([{ name: field.name, text: next, stored: pairs[0]?.stored }])}
        />
      )
    case 'lines':
      return <TextField {...shared} hint={`${shared.hint}. One on each line`} rows={3} value={text} onChange={onChange} />
    case 'area':
    case 'json':
      return <TextField {...shared} rows={4} value={text} onChange={onChange} />
    case 'text':
      return <TextField {...shared} value={text} onChange={onChange} isRequired={isRequired(field)} />
  }
}
