import { useState } from 'react'
import type { ReactNode } from 'react'
import { useCompany } from '../../frame/company.tsx'
import { Dialog } from '../../parts/Dialog.tsx'
import { CheckField, SelectField, TextField } from '../../parts/fields.tsx'
import type { Choice } from '../../parts/fields.tsx'
import { useBulkRun } from './bulk.ts'
import type { BulkField } from './bulk.ts'
import { BulkProgress } from './BulkProgress.tsx'
import { firstOf, issuesWord, planOf } from './changes.ts'
import type { ManyChange, ManyPlan } from './changes.ts'
import { choicesOfField, patchOfField } from './edits.tsx'
import type { IssueRow } from './filters.ts'
import { choicesOf } from './names.ts'
import type { Names } from './names.ts'

interface BulkDialogProps {
  readonly field: BulkField
  readonly rows: readonly IssueRow[]
  readonly names: Names
  /** Selects these rows afterwards: those that were refused. */
  readonly onDone: (ids: readonly string[]) => void
  readonly onClose: () => void
}

const titles: Readonly<Record<BulkField, string>> = {
  status: 'Change the status',
  priority: 'Change the priority',
  assignee: 'Change the assignee',
  project: 'Change the project',
  labels: 'Add labels',
  cancel: 'Cancel issues',
}

/** The value for none: an empty one is that of a choice that was not made. */
const NONE = 'none'

/** The values that were put into the dialog. */
interface Given {
  readonly value: string
  readonly labelIds: readonly string[]
  readonly comment: string
}

/** The change that was put in; null before there is one. */
function changeOf(field: BulkField, { value, labelIds, comment }: Given): ManyChange | null {
  if (field === 'cancel') return { patch: { status: 'cancelled', ...(comment.trim() === '' ? {} : { comment: comment.trim() }) } }
  if (field === 'labels') return labelIds.length === 0 ? null : { patch: {}, addLabelIds: labelIds }
  if (value === '') return null
  const chosen = value === NONE ? '' : value
  if (field === 'project') return { patch: { projectId: chosen === '' ? null : chosen } }
  return { patch: patchOfField(field, chosen) }
}

/** The words on the button that makes the change. */
const confirmOf = (field: BulkField, { rows }: ManyPlan): string => {
  const which = rows.length === 1 && rows[0] !== undefined ? rows[0].identifier : issuesWord(rows.length)
  if (field === 'cancel') return `Cancel ${which}`
  return field === 'labels' ? `Add labels to ${which}` : `Change ${which}`
}

/** Changes many rows: first what it will do, then the progress of each. */
export function BulkDialog({ field, rows, names, onDone, onClose }: BulkDialogProps): ReactNode {
  const [chosen] = useState(rows)
  const [given, setGiven] = useState<Given>({ value: '', labelIds: [], comment: '' })
  const run = useBulkRun(useCompany().id)
  const change = changeOf(field, given)
  const plan = change === null ? null : planOf(chosen, change)
  const close = (): void => {
    run.stop()
    if (run.rows.length > 0) onDone(run.rows.filter(({ state }) => state !== 'changed').map(({ row }) => row.id))
    onClose()
  }
  if (run.rows.length > 0)
    return (
      <Dialog title={titles[field]} onClose={close}>
        <BulkProgress run={run} before={chosen} names={names} onClose={close} />
      </Dialog>
    )
  return (
    <Dialog title={titles[field]} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (plan !== null && change !== null && plan.rows.length > 0) run.start(plan.rows, change)
        }}
      >
        <Fields field={field} given={given} names={names} onGiven={setGiven} />
        <Preview plan={plan} selected={chosen} />
        <footer>
          <button type="button" className="secondary" onClick={onClose}>
            Back
          </button>
          <button type="submit" className={field === 'cancel' ? 'danger' : ''} disabled={plan === null || plan.rows.length === 0}>
            {plan === null ? 'Change' : confirmOf(field, plan)}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}

interface FieldsProps {
  readonly field: BulkField
  readonly given: Given
  readonly names: Names
  readonly onGiven: (given: Given) => void
}

/** The choices of a field; that of none has a value, because an empty one is no choice. */
const choicesFor = (field: Exclude<BulkField, 'labels' | 'cancel'>, names: Names): readonly Choice[] =>
  field === 'project'
    ? [{ value: NONE, label: 'No project' }, ...choicesOf(names.projects)]
    : choicesOfField(field, names).map(({ value, label }) => ({ value: value === '' ? NONE : value, label }))

function Fields({ field, given, names, onGiven }: FieldsProps): ReactNode {
  if (field === 'cancel')
    return (
      <TextField
        label="Comment"
        hint="It is written into each of the issues, so that their agents and people know why."
        value={given.comment}
        rows={3}
        isFirst
        onChange={(comment) => onGiven({ ...given, comment })}
      />
    )
  if (field === 'labels')
    return (
      <fieldset className="several">
        <legend>Labels to add; those that an issue has stay</legend>
        {names.labels.length === 0 && <p className="soft">The company has no labels yet. The settings make some.</p>}
        {names.labels.map(({ id, name }) => (
          <CheckField
            key={id}
            label={name}
            value={given.labelIds.includes(id)}
            onChange={(isSet) =>
              onGiven({ ...given, labelIds: isSet ? [...given.labelIds, id] : given.labelIds.filter((one) => one !== id) })
            }
          />
        ))}
      </fieldset>
    )
  return (
    <SelectField
      label={`New ${field}`}
      value={given.value}
      choices={choicesFor(field, names)}
      none="Choose"
      isRequired
      isFirst
      onChange={(value) => onGiven({ ...given, value })}
    />
  )
}

/** The effect of the change, before it is made. */
function Preview({ plan, selected }: { readonly plan: ManyPlan | null; readonly selected: readonly IssueRow[] }): ReactNode {
  if (plan === null)
    return (
      <p>
        {issuesWord(selected.length)} selected: <span className="mono">{firstOf(selected)}</span>
      </p>
    )
  const { rows, unchanged, takenFromRuns } = plan
  return (
    <div className="bulk-preview" role="status">
      <p>
        {rows.length === 0 ? (
          'No selected issue would change: each has it already.'
        ) : (
          <>
            It changes {issuesWord(rows.length)}: <span className="mono">{firstOf(rows)}</span>
          </>
        )}
      </p>
      {rows.length > 0 && unchanged > 0 && <p>{issuesWord(unchanged)} of the selected ones have it already, and stay as they are.</p>}
      {takenFromRuns.length > 0 && (
        <p className="caution">
          <span aria-hidden="true">▲</span>{' '}
          {takenFromRuns.length === 1 ? 'A live run loses its hold' : `${takenFromRuns.length} live runs lose their hold`}:{' '}
          <span className="mono">{firstOf(takenFromRuns)}</span>
        </p>
      )}
    </div>
  )
}
