import type { ReactNode } from 'react'
import type { AgentDetail } from '../../../agentParts/reads.ts'
import type { InstructionsFile } from '../../../api/types.ts'
import { ActDialog } from '../../../parts/ActDialog.tsx'
import { notify } from '../../../parts/notices.tsx'
import { setQuery } from '../../../router/location.ts'
import { useDeleteFile } from './data.ts'

interface DeleteFileProps {
  readonly agent: AgentDetail
  readonly file: InstructionsFile
  readonly onDeleted: () => void
  readonly onClose: () => void
}

/** Deletes a file of the instructions of an agent, if it is still the one that is shown. */
export function DeleteFile({ agent, file, onDeleted, onClose }: DeleteFileProps): ReactNode {
  const remove = useDeleteFile(agent)
  const { path, revisionId, isEntryFile } = file
  return (
    <ActDialog
      title={`Delete ${path}`}
      confirm={`Delete ${path}`}
      isDangerous
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync({ path, baseRevisionId: revisionId })
        setQuery({ file: null })
        onDeleted()
        notify(`${path} is deleted`)
      }}
    >
      <p>
        {isEntryFile ? 'Runs of the agent read this file first, and get no such text from then on.' : 'Runs of the agent get it no more.'}{' '}
        Its text cannot be brought back.
      </p>
    </ActDialog>
  )
}
