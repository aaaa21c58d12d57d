import type { ReactNode } from 'react'
import type { Project } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { go } from '../../router/location.ts'
import { useChangeProject, useDeleteProject, useIssueCount } from './data.ts'

interface ArchiveProjectProps {
  readonly project: Project
  readonly etag: string | null
  readonly onClose: () => void
}

/** Archives a project, or takes it back from the archive. */
export function ArchiveProject({ project, etag, onClose }: ArchiveProjectProps): ReactNode {
  const change = useChangeProject()
  const isArchived = project.archivedAt !== null
  const words = `${isArchived ? 'Restore' : 'Archive'} ${project.name}`
  return (
    <ActDialog
      title={words}
      confirm={words}
      onClose={onClose}
      act={async () => {
        await change.mutateAsync({ id: project.id, fields: { archivedAt: isArchived ? null : new Date().toISOString() }, etag })
        notify(isArchived ? `${project.name} is back` : `${project.name} is archived`)
      }}
    >
      <p>
        {isArchived
          ? 'The project stands in the lists again.'
          : 'The project leaves the lists. Its issues stay as they are, and agents go on with them. It can be restored.'}
      </p>
    </ActDialog>
  )
}

/** Deletes a project. Its issues stay without it. */
export function DeleteProject({ project, onClose }: Omit<ArchiveProjectProps, 'etag'>): ReactNode {
  const remove = useDeleteProject()
  const pathOf = useCompanyPath()
  const issues = useIssueCount({ projectId: project.id })
  return (
    <ActDialog
      title={`Delete ${project.name}`}
      confirm={`Delete ${project.name}`}
      isDangerous
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync(project.id)
        notify(`${project.name} is deleted`)
        go(pathOf('projects'), { replaces: true })
      }}
    >
      <ul>
        <li>
          Its issues stay, without a project{issues === null ? '' : ` (${issues})`}. Their agents work in their own folders from then on.
        </li>
        <li>{project.workspaces.length} workspaces of the project are deleted with it. Files on the disk are not touched.</li>
        <li>Nothing brings it back. Archive it instead to keep it.</li>
      </ul>
    </ActDialog>
  )
}
