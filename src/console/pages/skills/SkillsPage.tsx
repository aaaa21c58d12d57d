import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Skill } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Empty, Skeleton } from '../../parts/Empty.tsx'
import { Page } from '../../parts/Page.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { go } from '../../router/location.ts'
import { Link } from '../../router/Link.tsx'
import { VisibleText } from '../../texts/VisibleText.tsx'
import { useSkills } from './data.ts'
import { ImportDialog } from './ImportDialog.tsx'
import { ScanDialog } from './ScanDialog.tsx'
import { trustOf } from './words.ts'

/** The skills of the company: texts that its agents are given. */
export default function SkillsPage(): ReactNode {
  const pathOf = useCompanyPath()
  const { rows, isLoading, problem, loadMore, retry } = useSkills()
  const [open, setOpen] = useState<'import' | 'scan' | null>(null)
  const { at } = useListKeys({
    title: 'Skills',
    count: rows.length,
    rowKeys: rows.map(({ id }) => id),
    onOpen: (index) => {
      const skill = rows[index]
      if (skill !== undefined) go(pathOf(`skills/${skill.id}`))
    },
    more: [{ keys: 'n', label: 'Import a skill', run: () => setOpen('import') }],
  })
  return (
    <Page
      title="Skills"
      actions={
        <>
          <button type="button" className="secondary" onClick={() => setOpen('scan')}>
            Look in the projects
          </button>
          <button type="button" title="Import a skill (n)" onClick={() => setOpen('import')}>
            Import a skill
          </button>
        </>
      }
    >
      {problem !== null && <Problem problem={problem} retry={retry} />}
      {isLoading ? (
        <Skeleton lines={6} />
      ) : rows.length > 0 ? (
        <DataTable name="Skills" rows={rows} columns={columnsOf(pathOf)} keyOf={({ id }) => id} cursor={at} onEnd={loadMore} />
      ) : (
        problem === null && (
          <Empty title="The company has no skill of its own yet.">
            <p>
              A skill is a folder of texts that say how to do something. The agents that you choose get it with each run, beside the skills
              of this server.
            </p>
          </Empty>
        )
      )}
      {open === 'import' && <ImportDialog onClose={() => setOpen(null)} />}
      {open === 'scan' && <ScanDialog onClose={() => setOpen(null)} />}
    </Page>
  )
}

const Soft = ({ children }: { readonly children: ReactNode }): ReactNode => <span className="soft">{children}</span>

const columnsOf = (pathOf: (path: string) => string): readonly Column<Skill>[] => [
  {
    key: 'name',
    title: 'Name',
    width: '20%',
    cell: ({ id, slug, name }) => (
      <Link to={pathOf(`skills/${id}`)} className="mono" title={name}>
        {slug}
      </Link>
    ),
  },
  {
    key: 'description',
    title: 'Description',
    isSecondary: true,
    cell: ({ description }) => (description === null ? <Soft>none</Soft> : <VisibleText text={description} />),
  },
  { key: 'content', title: 'Content', width: '190px', cell: (skill) => <Status of="content" {...trustOf(skill)} /> },
  { key: 'files', title: 'Files', width: '64px', isNumber: true, isSecondary: true, cell: ({ fileInventory }) => fileInventory.length },
  { key: 'agents', title: 'Agents', width: '80px', isNumber: true, cell: ({ attachedAgentCount }) => attachedAgentCount },
  { key: 'changed', title: 'Changed', width: '120px', isSecondary: true, cell: ({ updatedAt }) => <Time at={updatedAt} /> },
]
