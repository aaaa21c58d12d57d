import type { ReactNode } from 'react'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { wordsOf } from '../../parts/Status.tsx'
import { useChoices } from './data.ts'
import type { RoutineValues } from './routineForm.ts'
import { VariablesField } from './VariablesField.tsx'
import { catchUpWords, concurrencyWords } from './words.ts'

interface RoutineFieldsProps {
  readonly values: RoutineValues
  readonly onChange: (changes: Partial<RoutineValues>) => void
  readonly isFirst?: boolean
}

const priorities: readonly RoutineValues['priority'][] = ['critical', 'high', 'medium', 'low']

const choicesIn = (words: Readonly<Record<string, string>>) => Object.entries(words).map(([value, label]) => ({ value, label }))

/** The fields of a routine, in the dialog that makes one and in the form that changes it. */
export function RoutineFields({ values, onChange, isFirst = false }: RoutineFieldsProps): ReactNode {
  return (
    <>
      <TextField
        label="Title"
        value={values.title}
        onChange={(title) => onChange({ title })}
        hint="The title of each issue that it makes. In it and in the description, {{week}} is replaced by the variable week."
        isRequired
        isFirst={isFirst}
        maxLength={200}
      />
      <TextField
        label="Description"
        value={values.description}
        onChange={(description) => onChange({ description })}
        hint="Markdown. The agent reads it as its task."
        rows={5}
        maxLength={100_000}
      />
      <References values={values} onChange={onChange} />
      <SelectField
        label="When an issue of an earlier run is still open"
        value={values.concurrencyPolicy}
        onChange={(policy) => onChange({ concurrencyPolicy: policy as RoutineValues['concurrencyPolicy'] })}
        choices={choicesIn(concurrencyWords)}
      />
      <SelectField
        label="Times that were missed while no server ran"
        value={values.catchUpPolicy}
        onChange={(policy) => onChange({ catchUpPolicy: policy as RoutineValues['catchUpPolicy'] })}
        choices={choicesIn(catchUpWords)}
      />
      <VariablesField variables={values.variables} onChange={(variables) => onChange({ variables })} />
    </>
  )
}

/** Those that get the issues, and where the issues stand. */
function References({ values, onChange }: RoutineFieldsProps): ReactNode {
  const { agents, projects, goals } = useChoices()
  return (
    <div className="two">
      <SelectField
        label="Assignee"
        value={values.assigneeAgentId}
        onChange={(assigneeAgentId) => onChange({ assigneeAgentId })}
        none="none: a draft that does not run"
        choices={agents}
      />
      <SelectField
        label="Priority"
        value={values.priority}
        onChange={(priority) => onChange({ priority: priority as RoutineValues['priority'] })}
        choices={priorities.map((value) => ({ value, label: wordsOf(value) }))}
      />
      <SelectField
        label="Project"
        value={values.projectId}
        onChange={(projectId) => onChange({ projectId })}
        none="no project"
        choices={projects}
      />
      <SelectField label="Goal" value={values.goalId} onChange={(goalId) => onChange({ goalId })} none="no goal" choices={goals} />
    </div>
  )
}
