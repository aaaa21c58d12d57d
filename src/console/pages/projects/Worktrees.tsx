import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { ExecutionWorkspace } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { counted } from '../../parts/counted.ts'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { useAgents } from './data.ts'
import { useCloseReadiness, useCloseWorktree, useWorktrees } from './worktreeData.ts'

/** The worktrees of a project that are not closed. Nothing is shown for a project without one. */
export function Worktrees({ projectId }: { readonly projectId: string }): ReactNode {
  const { rows, problem, loadMore, retry } = useWorktrees(projectId)
  const [closingId, setClosingId] = useState<string | null>(null)
  const columns = useColumns(({ id }) => setClosingId(id))
  const closing = rows.find(({ id }) => id === closingId)
  if (problem !== null) return <Problem problem={problem} retry={retry} />
  if (rows.length === 0) return null
  return (
    <section className="worktrees" aria-labelledby="worktrees">
      <h2 id="worktrees">Worktrees</h2>
      <DataTable name="Worktrees" rows={rows} columns={columns} keyOf={({ id }) => id} onEnd={loadMore} />
      {closing !== undefined && <CloseWorktree worktree={closing} onClose={() => setClosingId(null)} />}
    </section>
  )
}

function useColumns(onClose: (worktree: ExecutionWorkspace) => void): Column<ExecutionWorkspace>[] {
  const pathOf = useCompanyPath()
  const agents = useAgents()
  return [
    { key: 'name', title: 'Name', cell: ({ name }) => name },
    { key: 'status', title: 'Status', cell: ({ status }) => <Status of={status} /> },
    { key: 'branch', title: 'Branch', cell: ({ branchName }) => <span className="mono">{branchName}</span>, isSecondary: true },
    {
      key: 'issue',
      title: 'Issue',
      cell: ({ sourceIssueId, name }) => (
        <Link to={pathOf(`issues/${sourceIssueId}`)}>
          Issue<span className="hidden"> of {name}</span>
        </Link>
      ),
    },
    {
      key: 'agent',
      title: 'Agent',
      cell: ({ agentId }) => agents.find(({ id }) => id === agentId)?.name ?? 'an agent that is gone',
      isSecondary: true,
    },
    { key: 'used', title: 'Used', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} />, isSecondary: true },
    {
      key: 'acts',
      title: 'Acts',
      cell: (worktree) => (
        <button type="button" className="quiet" onClick={() => onClose(worktree)}>
          Close<span className="hidden"> {worktree.name}</span>
        </button>
      ),
    },
  ]
}

/** Entries of a list that a person reads before an act. */
const SHOWN = 20

/** A word for each change that git names. */
const changes: Readonly<Record<string, string>> = { A: 'new', M: 'changed', D: 'deleted', R: 'renamed', C: 'copied', T: 'of another type' }

/** Closes a worktree: shows what would be lost, and confirms exactly that. */
function CloseWorktree({ worktree, onClose }: { readonly worktree: ExecutionWorkspace; readonly onClose: () => void }): ReactNode {
  const [openedAt] = useState(() => performance.now())
  const read = useCloseReadiness(worktree, openedAt)
  const close = useCloseWorktree()
  const ready = read.data?.data
  const entries = ready?.git?.entries ?? []
  const isLost = ready?.state === 'needs_confirmation'
  return (
    <ActDialog
      title={`Close ${worktree.name}`}
      confirm={isLost ? 'Close it, and lose this work' : 'Close the worktree'}
      isDangerous
      isBlocked={ready === undefined || ready.state === 'blocked'}
      onClose={onClose}
      act={async () => {
        await close.mutateAsync({ id: worktree.id, confirmation: ready?.confirmation ?? '' })
        notify('The worktree is closed')
      }}
    >
      {read.error !== null && <Problem problem={read.error} retry={() => inBackground(read.refetch())} />}
      {ready === undefined ? (
        read.error === null && <Skeleton lines={4} />
      ) : (
        <>
          <ul>
            {[...ready.blockingReasons, ...ready.warnings].map((words) => (
              <li key={words}>{words}.</li>
            ))}
            <li>Its folder is deleted. The branch {worktree.branchName} and its commits stay in the repository.</li>
          </ul>
          {entries.length > 0 && (
            <ul className="mono">
              {entries.slice(0, SHOWN).map(({ status, path }) => (
                <li key={path}>
                  {changes[status] ?? status}: {path}
                </li>
              ))}
              {entries.length > SHOWN && <li>and {counted(entries.length - SHOWN, 'more', 'more')}</li>}
            </ul>
          )}
        </>
      )}
    </ActDialog>
  )
}
