import { useState } from 'react'
import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { go } from '../../router/location.ts'
import { useCreateRoutine } from './data.ts'
import { RoutineFields } from './RoutineFields.tsx'
import { blankRoutine, bodyOf } from './routineForm.ts'

/** Makes a routine, and goes to its page, where it gets its triggers. */
export function NewRoutine({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [values, setValues] = useState(blankRoutine)
  const create = useCreateRoutine()
  const pathOf = useCompanyPath()
  return (
    <ActDialog
      title="New routine"
      confirm="Create the routine"
      onClose={onClose}
      act={async () => {
        const { id, title } = await create.mutateAsync(bodyOf(values))
        notify(`The routine ${title} is made. Add what makes it run`)
        go(pathOf(`routines/${id}`))
      }}
    >
      <RoutineFields values={values} onChange={(changes) => setValues((before) => ({ ...before, ...changes }))} isFirst />
    </ActDialog>
  )
}
