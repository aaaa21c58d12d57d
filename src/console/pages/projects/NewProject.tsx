import { useState } from 'react'
import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { go } from '../../router/location.ts'
import { useCreateProject } from './data.ts'
import type { ProjectFields as Fields } from './data.ts'
import { ProjectFields } from './ProjectFields.tsx'

const blank: Fields = { name: '', description: null, status: 'backlog', leadAgentId: null, targetDate: null, color: null, goalIds: [] }

/** Makes a project, and goes to its page. */
export function NewProject({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [values, setValues] = useState<Fields>(blank)
  const create = useCreateProject()
  const pathOf = useCompanyPath()
  return (
    <ActDialog
      title="New project"
      confirm="Create the project"
      onClose={onClose}
      act={async () => {
        const { color, ...fields } = values
        const { urlKey, name } = await create.mutateAsync({ ...fields, ...(color === null ? {} : { color }) })
        notify(`The project ${name} is made`)
        go(pathOf(`projects/${urlKey}`))
      }}
    >
      <ProjectFields values={values} onChange={(changes) => setValues((before) => ({ ...before, ...changes }))} isFirst />
    </ActDialog>
  )
}
