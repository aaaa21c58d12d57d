import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Project } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { CheckField, SelectField } from '../../parts/fields.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status, wordsOf } from '../../parts/Status.tsx'
import { Swatch } from '../../parts/Swatch.tsx'
import { Time } from '../../parts/Time.tsx'
import { go, setQuery, usePlace } from '../../router/location.ts'
import { Link } from '../../router/Link.tsx'
import { useAgents, useProjects } from './data.ts'
import { NewProject } from './NewProject.tsx'
import { dayWords, projectStatuses, projectTones } from './words.ts'

/** The list of projects. Archived ones are shown on request. */
export function ProjectsTab(): ReactNode {
  const { query } = usePlace()
  const pathOf = useCompanyPath()
  const [isCreating, setCreating] = useState(false)
  const status = query.get('status') ?? ''
  const showsArchived = query.get('archived') === 'yes'
  const { rows, isLoading, problem, loadMore } = useProjects(status)
  const shown = rows.filter(({ archivedAt }) => showsArchived || archivedAt === null)
  const columns = useColumns()
  const { at } = useListKeys({
    title: 'Projects',
    count: shown.length,
    onOpen: (index) => {
      const project = shown[index]
      if (project !== undefined) go(pathOf(`projects/${project.urlKey}`))
    },
    more: [{ keys: 'n', label: 'New project', run: () => setCreating(true) }],
  })
  return (
    <section aria-labelledby="projects">
      <div className="section-head">
        <h2 id="projects">Projects</h2>
        <div className="row">
          <SelectField
            label="Status"
            value={status}
            onChange={(value) => setQuery({ status: value })}
            none="every status"
            choices={projectStatuses.map((value) => ({ value, label: wordsOf(value) }))}
          />
          <CheckField label="Archived, too" value={showsArchived} onChange={(isOn) => setQuery({ archived: isOn ? 'yes' : null })} />
          <button type="button" onClick={() => setCreating(true)}>
            New project
          </button>
        </div>
      </div>
      {problem !== null && <Problem problem={problem} />}
      {isLoading ? (
        <Skeleton />
      ) : shown.length === 0 ? (
        <Empty title={rows.length === 0 && status === '' ? 'There is no project yet.' : 'No project fits these filters.'}>
          <p>A project gathers issues, and names the folder or the repository in which its agents work.</p>
        </Empty>
      ) : (
        <DataTable name="Projects" rows={shown} columns={columns} keyOf={({ id }) => id} cursor={at} onEnd={loadMore} />
      )}
      {isCreating && <NewProject onClose={() => setCreating(false)} />}
    </section>
  )
}

function useColumns(): Column<Project>[] {
  const pathOf = useCompanyPath()
  const agents = useAgents()
  return [
    {
      key: 'name',
      title: 'Name',
      cell: ({ name, urlKey, color }) => (
        <>
          {color !== null && <Swatch color={color} />} <Link to={pathOf(`projects/${urlKey}`)}>{name}</Link>
        </>
      ),
    },
    {
      key: 'status',
      title: 'Status',
      cell: ({ status, archivedAt, pausedAt }) => (
        <>
          <Status of={status} tone={projectTones[status]} />
          {pausedAt !== null && (
            <>
              {' '}
              <Status of="paused" />
            </>
          )}
          {archivedAt !== null && (
            <>
              {' '}
              <Status of="archived" tone="quiet" />
            </>
          )}
        </>
      ),
    },
    {
      key: 'lead',
      title: 'Lead',
      cell: ({ leadAgentId }) => {
        const lead = agents.find(({ id }) => id === leadAgentId)
        return lead === undefined ? <span className="soft">none</span> : <Link to={pathOf(`agents/${lead.id}`)}>{lead.name}</Link>
      },
      isSecondary: true,
    },
    {
      key: 'goals',
      title: 'Goals',
      cell: ({ goals }) => (goals.length === 0 ? <span className="soft">none</span> : goals.map(({ title }) => title).join(', ')),
      isSecondary: true,
    },
    {
      key: 'target',
      title: 'Target',
      cell: ({ targetDate }) => (targetDate === null ? <span className="soft">none</span> : dayWords(targetDate)),
      isSecondary: true,
    },
    { key: 'changed', title: 'Changed', cell: ({ updatedAt }) => <Time at={updatedAt} />, isSecondary: true },
  ]
}
