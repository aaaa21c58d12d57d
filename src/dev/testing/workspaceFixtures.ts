import type { Pool } from '../../platform/db/driver/client.ts'

// In a folder that no server has.
const insert = `
  with workspace as (insert into execution_workspaces (id, company_id, project_id, project_workspace_id, source_issue_id, agent_id, name, status,
      repository, worktree_name, branch_name, base_commit, folder_mark, cwd, reuse_policy, close_policy)
    values ($6, $1, $3, $4, $5, $2, 'stage', 'open', '/nowhere/stage', 'stage', 'paperclip/stage', repeat('0', 40), $6, '/nowhere/stage/tree', 'issue', 'manual'))
  insert into workspace_operations (id, company_id, workspace_id, phase, status, finished_at) values ($7, $1, $6, 'create', 'succeeded', now())`

/** Inserts a workspace with an operation. @param ids of the company, the agent, the project, its workspace, the issue, the workspace, the operation */
export const insertWorkspace = async (sql: Pool, ids: readonly string[]): Promise<void> =>
  void (await sql.query({ name: 'make_workspace', text: insert, values: [...ids] }))
