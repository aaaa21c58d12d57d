import type { Pool } from '../../platform/db/driver/client.ts'

// Its secret opens with no key: a test that calls the webhook rotates it first.
const insert = `
  with routine as (insert into routines (id, company_id, title, assignee_agent_id) values ($3, $1, 'A routine', $2))
  insert into routine_triggers (id, company_id, routine_id, kind, public_id, signing_mode, replay_window_sec, key_id, sealed)
    values ($4::uuid, $1, $3, 'webhook', left(replace($4::uuid::text, '-', ''), 24), 'hmac_sha256', 300, gen_random_uuid(), '')`

/** Inserts a routine of an agent with a webhook. @param ids of the company, the agent, the routine and the trigger */
export const insertRoutine = async (sql: Pool, ids: readonly [string, string, string, string]): Promise<void> =>
  void (await sql.query({ name: 'make_routine', text: insert, values: [...ids] }))
