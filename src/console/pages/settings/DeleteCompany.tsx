import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Company } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { counted } from '../../parts/counted.ts'
import { TextField } from '../../parts/fields.tsx'
import { go } from '../../router/location.ts'
import { useCompanyCounts, useDeleteCompany } from './data.ts'

/** The dialog that erases a company. Its name has to be typed, because nothing brings it back. */
export function DeleteCompany({ company, onClose }: { readonly company: Company; readonly onClose: () => void }): ReactNode {
  const [typed, setTyped] = useState('')
  const counts = useCompanyCounts()
  const remove = useDeleteCompany()
  return (
    <ActDialog
      title={`Delete ${company.name}`}
      confirm={`Delete ${company.name} and everything in it`}
      isDangerous
      isBlocked={typed !== company.name}
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync()
        go('/', { replaces: true })
      }}
    >
      <ul>
        <li>
          {counts === null
            ? 'All its agents, issues, comments, documents, files and runs'
            : `${counted(counts.agents, 'agent')}, ${counted(counts.issues, 'issue')} with their comments, documents and files, and all runs`}{' '}
          are erased. Nothing brings them back.
        </li>
        <li>{counts === null ? 'Live runs end' : `${counts.liveRuns} live runs end`} at once, and all keys of its agents end with them.</li>
        <li>Its members lose it. Its audit log stays with the instance.</li>
        <li>Archive it instead to keep what it has.</li>
      </ul>
      <TextField label={`Type ${company.name} to confirm`} value={typed} onChange={setTyped} isRequired isFirst />
    </ActDialog>
  )
}
