import type { ReactNode } from 'react'
import type { Answer } from '../../api/client.ts'
import type { RoutineDetail } from '../../api/types.ts'
import { notify } from '../../parts/notices.tsx'
import { useDraft } from '../../parts/useDraft.ts'
import { SaveDraft } from '../../people/SaveDraft.tsx'
import { useChangeRoutine } from './data.ts'
import { RoutineFields } from './RoutineFields.tsx'
import { bodyOf, valuesOf } from './routineForm.ts'
import type { RoutineBody } from './routineForm.ts'

/** The fields that differ: a field that another person has changed meanwhile is not written back. */
function changesOf(before: RoutineBody, after: RoutineBody): Partial<RoutineBody> {
  const names = Object.keys(after) as (keyof RoutineBody)[]
  return Object.fromEntries(
    names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name])).map((name) => [name, after[name]]),
  )
}

/** The fields of a routine. */
export function RoutineForm({ answer }: { readonly answer: Answer<RoutineDetail> }): ReactNode {
  const draft = useDraft(answer, valuesOf)
  const { id } = answer.data
  const change = useChangeRoutine(id)
  const save = (): void => {
    const onSuccess = (): void => {
      draft.reset()
      notify('The routine is saved')
    }
    change.mutate(changesOf(bodyOf(valuesOf(answer.data)), bodyOf(draft.values)), { onSuccess })
  }
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <RoutineFields values={draft.values} onChange={draft.set} />
      <SaveDraft draft={draft} act={change} entityType="routine" entityId={id} />
    </form>
  )
}
