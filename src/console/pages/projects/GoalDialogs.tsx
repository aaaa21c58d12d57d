import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Answer } from '../../api/client.ts'
import type { Goal } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { counted } from '../../parts/counted.ts'
import { Dialog } from '../../parts/Dialog.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { SelectField, TextField } from '../../parts/fields.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { wordsOf } from '../../parts/Status.tsx'
import { useDraft } from '../../parts/useDraft.ts'
import { SaveDraft } from '../../people/SaveDraft.tsx'
import { useAgents, useChangeGoal, useCreateGoal, useDeleteGoal, useGoal, useIssueCount } from './data.ts'
import type { GoalFields } from './data.ts'
import { withDescendants } from './goalTree.ts'
import { goalLevels, goalStatuses } from './words.ts'

interface FieldsProps {
  readonly values: GoalFields
  readonly onChange: (changes: Partial<GoalFields>) => void
  /** The goals that it may stand below. */
  readonly parents: readonly Goal[]
}

const inWords = (value: string): { readonly value: string; readonly label: string } => ({ value, label: wordsOf(value) })

function Fields({ values, onChange, parents }: FieldsProps): ReactNode {
  const agents = useAgents()
  return (
    <>
      <TextField label="Title" value={values.title} onChange={(title) => onChange({ title })} isRequired isFirst maxLength={500} />
      <TextField
        label="Description"
        value={values.description ?? ''}
        onChange={(text) => onChange({ description: text === '' ? null : text })}
        rows={3}
      />
      <div className="two">
        <SelectField label="Level" value={values.level} onChange={(level) => onChange({ level })} choices={goalLevels.map(inWords)} />
        <SelectField label="Status" value={values.status} onChange={(status) => onChange({ status })} choices={goalStatuses.map(inWords)} />
        <SelectField
          label="Below"
          value={values.parentId ?? ''}
          onChange={(id) => onChange({ parentId: id === '' ? null : id })}
          none="no other goal"
          choices={parents.map(({ id, title }) => ({ value: id, label: title }))}
        />
        <SelectField
          label="Owner"
          value={values.ownerAgentId ?? ''}
          onChange={(id) => onChange({ ownerAgentId: id === '' ? null : id })}
          none="no owner"
          choices={agents.map(({ id, name }) => ({ value: id, label: name }))}
        />
      </div>
    </>
  )
}

interface NewGoalProps {
  readonly parentId: string | null
  readonly goals: readonly Goal[]
  readonly onClose: () => void
}

/** Makes a goal, mostly below another one. */
export function NewGoal({ parentId, goals, onClose }: NewGoalProps): ReactNode {
  const blank = { title: '', description: null, status: 'planned', parentId, ownerAgentId: null }
  const [values, setValues] = useState<GoalFields>({ ...blank, level: parentId === null ? 'company' : 'team' })
  const create = useCreateGoal()
  return (
    <ActDialog
      title="New goal"
      confirm="Create the goal"
      onClose={onClose}
      act={async () => {
        await create.mutateAsync({ ...values, title: values.title.trim() })
        notify('The goal is made')
      }}
    >
      <Fields values={values} onChange={(changes) => setValues((before) => ({ ...before, ...changes }))} parents={goals} />
    </ActDialog>
  )
}

interface GoalProps {
  readonly goal: Goal
  readonly goals: readonly Goal[]
  readonly onClose: () => void
}

/** Changes a goal. */
export function EditGoal({ goal, goals, onClose }: GoalProps): ReactNode {
  const read = useGoal(goal.id)
  return (
    <Dialog title={`Edit ${goal.title}`} onClose={onClose}>
      {read.data === undefined ? (
        read.error === null ? (
          <Skeleton lines={4} />
        ) : (
          <Problem problem={read.error} retry={() => inBackground(read.refetch())} />
        )
      ) : (
        <GoalForm answer={read.data} goals={goals} onClose={onClose} />
      )}
    </Dialog>
  )
}

const valuesOf = ({ title, description, level, status, parentId, ownerAgentId }: Goal): GoalFields => ({
  title,
  description,
  level,
  status,
  parentId,
  ownerAgentId,
})

function GoalForm({ answer, goals, onClose }: Omit<GoalProps, 'goal'> & { readonly answer: Answer<Goal> }): ReactNode {
  const draft = useDraft(answer, valuesOf)
  const change = useChangeGoal()
  const { id } = answer.data
  const below = withDescendants(goals, id)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        const onSuccess = (): void => {
          notify('The goal is saved')
          onClose()
        }
        change.mutate({ id, fields: draft.values, etag: draft.etag }, { onSuccess })
      }}
    >
      <Fields values={draft.values} onChange={draft.set} parents={goals.filter((each) => !below.has(each.id))} />
      <SaveDraft draft={draft} act={change} entityType="goal" entityId={id} />
    </form>
  )
}

/** Deletes a goal. Rows that refer to it stay without it. */
export function DeleteGoal({ goal, goals, onClose }: GoalProps): ReactNode {
  const remove = useDeleteGoal()
  const issues = useIssueCount({ goalId: goal.id })
  const children = goals.filter(({ parentId }) => parentId === goal.id).length
  return (
    <ActDialog
      title={`Delete ${goal.title}`}
      confirm="Delete the goal"
      isDangerous
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync(goal.id)
        notify('The goal is deleted')
      }}
    >
      <ul>
        <li>Its issues stay, without a goal{issues === null ? '' : ` (${issues})`}.</li>
        <li>
          {children === 0
            ? 'No goal stands below it.'
            : `${counted(children, 'goal below it stays', 'goals below it stay')}, below no other goal.`}
        </li>
        <li>Projects that name it stay without it. Nothing brings the goal back.</li>
      </ul>
    </ActDialog>
  )
}
