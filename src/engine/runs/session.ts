import { sql } from 'drizzle-orm'
import type { Tx } from '../../platform/db/types.ts'
import { taskSessions } from '../../model/runRecords.ts'
import { param, statement } from '../../platform/db/statement.ts'

/** The session that the next run of an agent for a task resumes. */
export interface TaskSession {
  readonly agentId: string
  readonly companyId: string
  readonly taskKey: string
  readonly adapterType: string
  readonly runId: string
}

const upsertSession = statement<TaskSession & { sessionId: string }, { agentId: string }>('session_keep').write(sql`
  insert into ${taskSessions} (agent_id, task_key, company_id, adapter_type, session_id, last_run_id)
  values (${param('agentId')}, ${param('taskKey')}, ${param('companyId')}, ${param('adapterType')}, ${param('sessionId')}, ${param('runId')})
  on conflict (agent_id, task_key) do update set adapter_type = excluded.adapter_type, session_id = excluded.session_id,
    last_run_id = excluded.last_run_id, updated_at = now()
  returning agent_id as "agentId"`)

const insertSession = statement<TaskSession & { sessionId: string }, { agentId: string }>('session_keep_first').write(sql`
  insert into ${taskSessions} as s (agent_id, task_key, company_id, adapter_type, session_id, last_run_id)
  values (${param('agentId')}, ${param('taskKey')}, ${param('companyId')}, ${param('adapterType')}, ${param('sessionId')}, ${param('runId')})
  on conflict (agent_id, task_key) do update set adapter_type = excluded.adapter_type, session_id = excluded.session_id,
    last_run_id = excluded.last_run_id, updated_at = now() where s.adapter_type <> excluded.adapter_type
  returning agent_id as "agentId"`)

const deleteNamedSession = statement<{ agentId: string; taskKey: string; sessionId: string }, { agentId: string }>(
  'session_forget_named',
).write(
  sql`delete from ${taskSessions} where agent_id = ${param('agentId')} and task_key = ${param('taskKey')}
    and session_id = ${param('sessionId')} returning agent_id as "agentId"`,
)

const deleteSession = statement<{ agentId: string; taskKey: string }, { agentId: string }>('session_forget').write(
  sql`delete from ${taskSessions} where agent_id = ${param('agentId')} and task_key = ${param('taskKey')} returning agent_id as "agentId"`,
)

const deleteSessions = statement<{ agentId: string; companyId: string; taskKey: string | null }, { taskKey: string }>('session_forget_all')
  .write(sql`
  delete from ${taskSessions} where agent_id = ${param('agentId')} and company_id = ${param('companyId')}
    and (${param('taskKey', 'text')} is null or task_key = ${param('taskKey', 'text')})
  returning task_key as "taskKey"`)

/** (tx) Deletes the sessions of an agent, for one task or for all. @returns the number of deleted sessions */
export const clearSessions = async (tx: Tx, companyId: string, agentId: string, taskKey: string | null): Promise<number> =>
  (await tx.run(deleteSessions, { agentId, companyId, taskKey })).length

/** (tx) Stores the session that the next run of a task resumes; with null that run starts without one. */
export async function saveSession(tx: Tx, session: TaskSession, sessionId: string | null): Promise<void> {
  if (sessionId === null) await tx.run(deleteSession, { agentId: session.agentId, taskKey: session.taskKey })
  else await tx.run(upsertSession, { ...session, sessionId })
}

/** (tx) Stores the session that a run began without succeeding, unless the task has a session of this adapter already. */
export async function saveFirstSession(tx: Tx, session: TaskSession, sessionId: string): Promise<void> {
  await tx.run(insertSession, { ...session, sessionId })
}

/** (tx) Deletes a session that the agent cannot continue. Another session of the task stays. */
export async function forgetSession(tx: Tx, { agentId, taskKey }: TaskSession, sessionId: string): Promise<void> {
  await tx.run(deleteNamedSession, { agentId, taskKey, sessionId })
}
