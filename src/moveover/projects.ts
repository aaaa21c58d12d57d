import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { nameKeyOf, urlKeyOf } from '../org/agents/index.ts'
import { createProjectBody, createWorkspaceBody } from '../org/projects/index.ts'
import { projectGoals, projects, projectWorkspaces } from '../model/projects.ts'
import { insertRows } from '../platform/db/insertRows.ts'
import { param, statement } from '../platform/db/statement.ts'
import { createdColumn, id, idColumn, needed, orElse, record, reference, time, updatedColumn } from './columns.ts'
import type { Columns, SourceTable } from './columns.ts'
import { knownIn } from './move.ts'
import type { Move, Noun } from './move.ts'
import { found, moveTable } from './moveTable.ts'
import type { Movement } from './moveTable.ts'
import { readLinks } from './read.ts'
import type { LinkTable } from './read.ts'

const { shape: body } = createProjectBody
const { shape: workspaceBody } = createWorkspaceBody
/** As many as a request may name. */
const MAX_GOALS = 50

const projectTable = {
  name: 'projects',
  columns: {
    id: idColumn,
    name: needed('text', 'name', body.name),
    description: orElse('text', 'description', body.description, null),
    status: orElse('text', 'status', body.status.unwrap(), 'backlog'),
    goalId: reference('goal_id'),
    leadAgentId: reference('lead_agent_id'),
    targetDate: orElse('day', 'target_date', body.targetDate, null),
    color: orElse('text', 'color', body.color, null),
    executionWorkspacePolicy: orElse('json', 'execution_workspace_policy', record.nullable(), null),
    pausedAt: orElse('time', 'paused_at', time.nullable(), null),
    archivedAt: orElse('time', 'archived_at', time.nullable(), null),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const goalLinks: LinkTable = { name: 'project_goals', from: 'project_id', to: 'goal_id' }

const insertProjects = insertRows('moveover_projects', projects, [
  'id',
  'companyId',
  'name',
  'urlKey',
  'description',
  'status',
  'goalId',
  'leadAgentId',
  'targetDate',
  'color',
  'executionWorkspacePolicy',
  'pauseReason',
  'pausedAt',
  'archivedAt',
  'createdAt',
  'updatedAt',
])
type ProjectRow = Parameters<typeof insertProjects>[1][number] & { readonly id: string; readonly goalIds: readonly string[] }

const insertProjectGoals = statement<{ projectIds: string[]; goalIds: string[] }, never>('moveover_project_goals').write(sql`
  insert into ${projectGoals} (project_id, goal_id) select * from unnest(${param('projectIds', 'uuid[]')}, ${param('goalIds', 'uuid[]')})
  on conflict do nothing`)

const projectNoun: Noun<ProjectRow> = {
  name: 'projects',
  knownById: knownIn('projects', projects),
  deletedBy: { actions: ['project.deleted'] },
  async write(tx, rows) {
    await insertProjects(
      tx,
      rows.map(({ goalIds: _, ...row }) => row),
    )
    const links = rows.flatMap((row) => row.goalIds.map((goalId) => ({ projectId: row.id, goalId })))
    if (links.length > 0)
      await tx.run(insertProjectGoals, { projectIds: links.map((link) => link.projectId), goalIds: links.map((link) => link.goalId) })
    return []
  },
}

const selectNames = statement<{ companyId: string }, { name: string; urlKey: string }>('moveover_project_names').read(
  sql`select name, url_key as "urlKey" from ${projects} where company_id = ${param('companyId', 'uuid')}`,
)

/** Takes shortnames: projects of one name share one, and no project gets that of a project of another name. */
function shortnames(taken: readonly { readonly name: string; readonly urlKey: string }[]): (name: string, projectId: string) => string {
  const owners = new Map(taken.map(({ name, urlKey }) => [urlKey, nameKeyOf(name)]))
  return (name, projectId) => {
    const base = urlKeyOf(name, projectId)
    const owner = nameKeyOf(name)
    // The id makes it unique; a search for a free number would be slow for a thousand projects that are made to collide.
    const urlKey = (owners.get(base) ?? owner) === owner ? base : `${base}-${projectId.slice(0, 8)}`
    owners.set(urlKey, owner)
    return urlKey
  }
}

async function bringProjects(move: Move): Promise<void> {
  const take = shortnames(await move.store.read.run(selectNames, { companyId: move.companyId }))
  const movement: Movement<(typeof projectTable)['columns'], ProjectRow> = {
    table: projectTable,
    noun: projectNoun,
    shape(row, note, { companyId, present }) {
      const goalId = found(present.goals, row.goalId, 'its goal', note)
      return {
        ...row,
        companyId,
        urlKey: take(row.name, row.id),
        description: row.description ?? null,
        targetDate: row.targetDate ?? null,
        color: row.color ?? null,
        goalId,
        goalIds: goalId === null ? [] : [goalId],
        leadAgentId: found(present.agents, row.leadAgentId, 'its lead', note),
        pauseReason: row.pausedAt === null ? null : 'manual',
      }
    },
    async complete(rows, { source, present }) {
      const links = await readLinks(
        source,
        goalLinks,
        rows.map((row) => row.id),
        MAX_GOALS,
      )
      return rows.map((row) => {
        const linked = (links.get(row.id) ?? []).filter((goalId) => present.goals.has(goalId))
        return { ...row, goalIds: [...new Set([...row.goalIds, ...linked])] }
      })
    },
  }
  await moveTable(move, movement, (id) => move.present.projects.add(id))
}

const workspaceTable = {
  name: 'project_workspaces',
  columns: {
    id: idColumn,
    projectId: needed('uuid', 'project_id', id),
    name: needed('text', 'name', workspaceBody.name.unwrap().unwrap()),
    sourceType: orElse('text', 'source_type', workspaceBody.sourceType.unwrap(), 'local_path'),
    cwd: orElse('text', 'cwd', workspaceBody.cwd, null),
    repoUrl: orElse('text', 'repo_url', workspaceBody.repoUrl, null),
    repoRef: orElse('text', 'repo_ref', workspaceBody.repoRef, null),
    defaultRef: orElse('text', 'default_ref', workspaceBody.defaultRef, null),
    visibility: orElse('text', 'visibility', workspaceBody.visibility.unwrap(), 'default'),
    setupCommand: orElse('text', 'setup_command', workspaceBody.setupCommand, null),
    cleanupCommand: orElse('text', 'cleanup_command', workspaceBody.cleanupCommand, null),
    remoteProvider: orElse('text', 'remote_provider', workspaceBody.remoteProvider, null),
    remoteWorkspaceRef: orElse('text', 'remote_workspace_ref', workspaceBody.remoteWorkspaceRef, null),
    sharedWorkspaceKey: orElse('text', 'shared_workspace_key', workspaceBody.sharedWorkspaceKey, null),
    metadata: orElse('json', 'metadata', record.nullable(), null),
    isPrimary: orElse('bool', 'is_primary', z.boolean(), false),
    createdAt: createdColumn,
    updatedAt: updatedColumn,
  },
} as const satisfies SourceTable

const insertWorkspaces = insertRows('moveover_workspaces', projectWorkspaces, [
  'id',
  'companyId',
  'projectId',
  'name',
  'sourceType',
  'cwd',
  'repoUrl',
  'repoRef',
  'defaultRef',
  'visibility',
  'setupCommand',
  'cleanupCommand',
  'remoteProvider',
  'remoteWorkspaceRef',
  'sharedWorkspaceKey',
  'metadata',
  'isPrimary',
  'createdAt',
  'updatedAt',
])
type WorkspaceRow = Parameters<typeof insertWorkspaces>[1][number] & { readonly id: string }

const workspaceMovement: Movement<(typeof workspaceTable)['columns'], WorkspaceRow> = {
  table: workspaceTable,
  noun: {
    name: 'project_workspaces',
    knownById: knownIn('workspaces', projectWorkspaces),
    deletedBy: { actions: ['project.workspace_deleted'], part: { ownerId: (row) => row.projectId, key: 'workspaceId' } },
    async write(tx, rows) {
      await insertWorkspaces(tx, rows)
      return []
    },
  },
  shape(row, note, { companyId, present }) {
    if (found(present.projects, row.projectId, 'the workspace', note) === null) return null
    const { cwd, repoUrl, repoRef, defaultRef, setupCommand, cleanupCommand, remoteProvider, remoteWorkspaceRef, sharedWorkspaceKey } = row
    const texts = {
      cwd,
      repoUrl,
      repoRef,
      defaultRef,
      setupCommand,
      cleanupCommand,
      remoteProvider,
      remoteWorkspaceRef,
      sharedWorkspaceKey,
    }
    const optional = Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, value ?? null]))
    return { ...row, ...optional, companyId }
  },
}

/** Brings the projects of a company with their goals and workspaces. */
export async function moveProjects(move: Move): Promise<void> {
  await bringProjects(move)
  await moveTable(move, workspaceMovement, (id) => move.present.workspaces.add(id))
}

export const projectTables: readonly SourceTable<Columns>[] = [projectTable, workspaceTable]
export const projectLinks: readonly LinkTable[] = [goalLinks]
