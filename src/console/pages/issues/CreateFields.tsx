import type { ReactNode } from 'react'
import { CheckField, SelectField, TextField } from '../../parts/fields.tsx'
import { wordsOf } from '../../parts/Status.tsx'
import type { Draft } from './draft.ts'
import { priorities, statuses } from './filters.ts'
import type { IssuePriority, IssueStatus } from './filters.ts'
import { IssuePicker } from './IssuePicker.tsx'
import { assigneeChoices, choicesOf } from './names.ts'
import type { Names } from './names.ts'

const inWords = (values: readonly string[]) => values.map((value) => ({ value, label: wordsOf(value) }))

interface CreateFieldsProps {
  readonly draft: Draft
  readonly onDraft: (draft: Draft) => void
  readonly names: Names
}

/** The fields of a new issue. */
export function CreateFields({ draft, onDraft, names }: CreateFieldsProps): ReactNode {
  const set = (fields: Partial<Draft>): void => onDraft({ ...draft, ...fields })
  const hasOwner = draft.assignee.startsWith('agent:') && !['backlog', 'done', 'cancelled'].includes(draft.status)
  return (
    <>
      <TextField label="Title" value={draft.title} maxLength={500} isRequired isFirst onChange={(title) => set({ title })} />
      <TextField
        label="Description"
        hint="Markdown. An agent reads it as its task."
        value={draft.description}
        rows={5}
        maxLength={200_000}
        onChange={(description) => set({ description })}
      />
      <Choices draft={draft} set={set} names={names} />
      {hasOwner && <p className="soft">The agent is woken when the issue is created.</p>}
      <Labels draft={draft} set={set} names={names} />
      <IssuePicker
        label="Parent"
        chosen={draft.parent === null ? [] : [draft.parent]}
        onAdd={(parent) => set({ parent })}
        onRemove={() => set({ parent: null })}
      />
      <IssuePicker
        label="Blocked by"
        hint="It waits until each of these is done."
        chosen={draft.blockedBy}
        onAdd={(issue) => set({ blockedBy: [...draft.blockedBy, issue] })}
        onRemove={(id) => set({ blockedBy: draft.blockedBy.filter((one) => one.id !== id) })}
      />
    </>
  )
}

interface PartProps {
  readonly draft: Draft
  readonly set: (fields: Partial<Draft>) => void
  readonly names: Names
}

const Choices = ({ draft, set, names }: PartProps): ReactNode => (
  <div className="field-grid">
    <SelectField
      label="Status"
      value={draft.status}
      choices={inWords(statuses)}
      onChange={(status) => set({ status: status as IssueStatus })}
    />
    <SelectField
      label="Priority"
      value={draft.priority}
      choices={inWords(priorities)}
      onChange={(priority) => set({ priority: priority as IssuePriority })}
    />
    <SelectField
      label="Assignee"
      value={draft.assignee}
      choices={assigneeChoices(names)}
      none="Unassigned"
      onChange={(assignee) => set({ assignee })}
    />
    <SelectField
      label="Project"
      value={draft.projectId}
      choices={choicesOf(names.projects)}
      none="No project"
      onChange={(projectId) => set({ projectId })}
    />
    <SelectField label="Goal" value={draft.goalId} choices={choicesOf(names.goals)} none="No goal" onChange={(goalId) => set({ goalId })} />
  </div>
)

function Labels({ draft, set, names }: PartProps): ReactNode {
  if (names.labels.length === 0) return null
  return (
    <fieldset className="several across">
      <legend>Labels</legend>
      {names.labels.map(({ id, name }) => (
        <CheckField
          key={id}
          label={name}
          value={draft.labelIds.includes(id)}
          onChange={(isSet) => set({ labelIds: isSet ? [...draft.labelIds, id] : draft.labelIds.filter((one) => one !== id) })}
        />
      ))}
    </fieldset>
  )
}
