import { expect } from 'vitest'
import type { Answer, Client, TestServer, World } from './world.ts'

/** Creates a routine, by the board unless another client is given. */
export async function createRoutine(
  server: TestServer,
  here: World,
  fields: Record<string, unknown>,
  client: Client = server.board,
): Promise<Answer['body']> {
  const answer = await client.post(`/api/companies/${here.company.id}/routines`, { title: 'Answer the letters', ...fields })
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}

/** Adds a trigger. @returns the trigger and its secret */
export async function addTrigger(routineId: string, fields: Record<string, unknown>, client: Client): Promise<Answer['body']> {
  const answer = await client.post(`/api/routines/${routineId}/triggers`, fields)
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}

/** A run as the database has it. */
export interface RunRow {
  readonly id: string
  readonly status: string
  readonly source: string
  readonly triggerId: string | null
  readonly dueAt: string | null
  readonly issueId: string | null
  readonly reason: string | null
  readonly coalescedIntoRunId: string | null
}

/** The runs of a routine, the oldest first. */
export async function runsOf(server: TestServer, routineId: string): Promise<RunRow[]> {
  const { rows } = await server.database.sql.query<RunRow>(
    `select id, status, source, trigger_id as "triggerId", due_at as "dueAt", linked_issue_id as "issueId", failure_reason as reason,
       coalesced_into_run_id as "coalescedIntoRunId" from routine_runs where routine_id = $1 order by due_at nulls first, created_at, id`,
    [routineId],
  )
  return rows
}

/** The time of the database, with the interval that a test has let pass. */
export async function nowOf(server: TestServer): Promise<string> {
  const { rows } = await server.database.sql.query<{ now: string }>('select now() as now')
  return rows[0]?.now ?? ''
}

/** Lets time pass until an instant, and a second more. */
export async function passUntil(server: TestServer, instant: string): Promise<void> {
  await server.database.passTime(`${Math.max(0, Date.parse(instant) - Date.parse(await nowOf(server))) / 1000 + 1} seconds`)
}
