import type { ReactNode } from 'react'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { wordsOf } from '../../parts/Status.tsx'
import { ColorField } from '../../parts/ColorField.tsx'
import { DateField } from '../../parts/DateField.tsx'
import { useAgents, useGoals } from './data.ts'
import type { ProjectFields as Fields } from './data.ts'
import { projectStatuses } from './words.ts'

interface ProjectFieldsProps {
  readonly values: Fields
  readonly onChange: (changes: Partial<Fields>) => void
  readonly isFirst?: boolean
}

/** The fields of a project, in the dialog that makes one and in the form that changes it. */
export function ProjectFields({ values, onChange, isFirst = false }: ProjectFieldsProps): ReactNode {
  const agents = useAgents()
  return (
    <>
      <TextField label="Name" value={values.name} onChange={(name) => onChange({ name })} isRequired isFirst={isFirst} maxLength={200} />
      <TextField
        label="Description"
        value={values.description ?? ''}
        onChange={(text) => onChange({ description: text === '' ? null : text })}
        rows={4}
      />
      <div className="two">
        <SelectField
          label="Status"
          value={values.status}
          onChange={(status) => onChange({ status })}
          choices={projectStatuses.map((value) => ({ value, label: wordsOf(value) }))}
        />
        <SelectField
          label="Lead"
          value={values.leadAgentId ?? ''}
          onChange={(id) => onChange({ leadAgentId: id === '' ? null : id })}
          none="no lead"
          choices={agents.map(({ id, name }) => ({ value: id, label: name }))}
        />
        <DateField label="Target date" value={values.targetDate} onChange={(targetDate) => onChange({ targetDate })} />
        <ColorField label="Colour" value={values.color} onChange={(color) => onChange({ color })} />
      </div>
      <GoalChoice chosen={values.goalIds} onChange={(goalIds) => onChange({ goalIds })} />
    </>
  )
}

/** The goals of a project, as boxes to tick. */
function GoalChoice({
  chosen,
  onChange,
}: {
  readonly chosen: readonly string[]
  readonly onChange: (ids: readonly string[]) => void
}): ReactNode {
  const goals = useGoals().data?.data ?? []
  if (goals.length === 0) return null
  return (
    <fieldset className="choices-of-goals">
      <legend>Goals</legend>
      <div tabIndex={0} role="group" aria-label="Goals of the project">
        {goals.map(({ id, title }) => (
          <label key={id} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(id)}
              onChange={({ target }) => onChange(target.checked ? [...chosen, id] : chosen.filter((each) => each !== id))}
            />{' '}
            {title}
          </label>
        ))}
      </div>
    </fieldset>
  )
}
