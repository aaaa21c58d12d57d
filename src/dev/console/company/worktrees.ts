// The worktrees of the project of the filled company: rows without folders, because pages and pictures need no repository.

import { randomUUID } from 'node:crypto'
import type { Pool } from '../../../platform/db/driver/client.ts'
import type { Requests } from './requests.ts'
import type { Run } from './work.ts'

interface WorktreesOf {
  readonly projectId: string
  readonly issueId: string
  /** The live run that works in one of them. */
  readonly run: Run
  readonly sql: Pick<Pool, 'query'>
}

const insert = `insert into execution_workspaces (company_id, project_id, project_workspace_id, source_issue_id, agent_id, name, status, repository,
    worktree_name, branch_name, base_commit, folder_mark, cwd, reuse_policy, close_policy, lease_run_id, last_used_at)
  values ($1, $2, $3, $4, $5, $6::text, 'open', '/srv/notes', $6::text, 'paperclip/' || $6::text, repeat('0', 40), $7, '/srv/worktrees/' || $6::text, 'issue',
    'manual', $8, now() - $9::interval)`

/** Makes two: one in which a live run works, and one of yesterday. */
export async function createWorktrees(board: Requests, companyId: string, { projectId, issueId, run, sql }: WorktreesOf): Promise<void> {
  const workspace = await board.post(`/projects/${projectId}/workspaces`, {
    name: 'Main',
    isPrimary: true,
    repoUrl: 'https://git.example.com/notes.git',
  })
  const add = (name: string, runId: string | null, age: string): Promise<unknown> =>
    sql.query(insert, [companyId, projectId, workspace.id, issueId, run.agent.id, name, randomUUID(), runId, age])
  await add('acm-1-7be14c02', run.id, '2 minutes')
  await add('acm-1-0d93aa5f', null, '26 hours')
}
