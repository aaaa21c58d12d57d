import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Answer } from '../../api/client.ts'
import type { Project } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { notify } from '../../parts/notices.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { useDraft } from '../../parts/useDraft.ts'
import { SaveDraft } from '../../people/SaveDraft.tsx'
import { Link } from '../../router/Link.tsx'
import type { PageProps } from '../../pages.ts'
import { useChangeProject, useProject } from './data.ts'
import type { ProjectFields as Fields } from './data.ts'
import { ArchiveProject, DeleteProject } from './ProjectDialogs.tsx'
import { ProjectFacts } from './ProjectFacts.tsx'
import { ProjectFields } from './ProjectFields.tsx'
import { Worktrees } from './Worktrees.tsx'

/** One project. */
export default function ProjectPage({ params }: PageProps): ReactNode {
  const read = useProject(params['project'] ?? '')
  if (read.data === undefined)
    return (
      <Page title="Project">
        {read.error === null ? <Skeleton /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      </Page>
    )
  return <Shown answer={read.data} />
}

function Shown({ answer }: { readonly answer: Answer<Project> }): ReactNode {
  const pathOf = useCompanyPath()
  const project = answer.data
  const [act, setAct] = useState<'archive' | 'delete' | null>(null)
  const close = (): void => setAct(null)
  const actions = (
    <>
      <Link className="button secondary" to={pathOf(`issues?projectId=${project.id}`)}>
        Its issues
      </Link>
      <button type="button" className="secondary" onClick={() => setAct('archive')}>
        {project.archivedAt === null ? 'Archive' : 'Restore'}
      </button>
      <button type="button" className="secondary danger" onClick={() => setAct('delete')}>
        Delete
      </button>
    </>
  )
  return (
    <Page title={project.name} actions={actions}>
      <div className="project-columns">
        <section aria-labelledby="fields">
          <h2 id="fields">Project</h2>
          <ProjectForm answer={answer} />
        </section>
        <section aria-labelledby="facts">
          <h2 id="facts">Facts</h2>
          <ProjectFacts project={project} />
        </section>
      </div>
      <Worktrees projectId={project.id} />
      {act === 'archive' && <ArchiveProject project={project} etag={answer.etag} onClose={close} />}
      {act === 'delete' && <DeleteProject project={project} onClose={close} />}
    </Page>
  )
}

const valuesOf = ({ name, description, status, leadAgentId, targetDate, color, goalIds }: Project): Fields => ({
  name,
  description,
  status,
  leadAgentId,
  targetDate,
  color,
  goalIds,
})

function ProjectForm({ answer }: { readonly answer: Answer<Project> }): ReactNode {
  const draft = useDraft(answer, valuesOf)
  const change = useChangeProject()
  const { id } = answer.data
  const save = (): void => {
    const onSuccess = (): void => {
      draft.reset()
      notify('The project is saved')
    }
    change.mutate({ id, fields: draft.values, etag: draft.etag }, { onSuccess })
  }
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <ProjectFields values={draft.values} onChange={draft.set} />
      <SaveDraft draft={draft} act={change} entityType="project" entityId={id} />
    </form>
  )
}
