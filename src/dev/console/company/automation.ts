// The parts of the filled company that run by themselves: secrets with those that use them, routines with their triggers, skills and instructions, and webhooks.

import type { Pool } from '../../../platform/db/driver/client.ts'
import type { Requests } from './requests.ts'
import type { Agent } from './work.ts'

type Sql = Pick<Pool, 'query'>

interface AutomationOf {
  readonly agents: Readonly<Record<'alan' | 'linus', Agent>>
  readonly project: string
  /** Some states come only with time. */
  readonly sql: Sql
}

/** Makes secrets: one that an agent uses, in its second version, and one that nothing uses. */
async function createSecrets(board: Requests, companyId: string, { alan }: AutomationOf['agents']): Promise<void> {
  const made = (name: string, value: string, description: string): Promise<{ readonly id: string }> =>
    board.post(`/companies/${companyId}/secrets`, { name, value, description })
  const token = await made('GitHub token of the builds', 'ghp_Zk41vQ82mTeR6Yx0', 'Reads the mirror. Holds until March.')
  await made('Registry', 'npm_4Wq7LcVt91XsPd3e', 'For the packages of the release.')
  await board.post(`/secrets/${token.id}/rotate`, { value: 'ghp_9dLw73HsNcPa5Ub2' })
  const env = { GITHUB_TOKEN: { type: 'secret_ref', secretId: token.id, version: 'latest' } }
  await board.patch(`/agents/${alan.id}`, { adapterConfig: { env } })
}

/** Makes routines: one with every kind of trigger that has run, a paused one, and a draft. @returns the one whose page is looked at */
async function createRoutines(board: Requests, companyId: string, { agents, project }: AutomationOf): Promise<string> {
  const made = (fields: Readonly<Record<string, unknown>>): Promise<{ readonly id: string }> =>
    board.post(`/companies/${companyId}/routines`, fields)
  const report = await made({
    title: 'Report of week {{week}}',
    description: 'Say what was released, and what waits.',
    assigneeAgentId: agents.linus.id,
    projectId: project,
    concurrencyPolicy: 'skip_if_active',
    variables: [
      { name: 'week', label: 'Week of the year', type: 'number', defaultValue: 1 },
      { name: 'length', type: 'select', options: ['short', 'long'], defaultValue: 'short' },
    ],
  })
  const triggers = [
    { kind: 'schedule', label: 'Mondays', cronExpression: '0 9 * * 1', timezone: 'Europe/Berlin' },
    { kind: 'webhook', label: 'After a release', signingMode: 'hmac_sha256' },
    { kind: 'api' },
  ]
  for (const trigger of triggers) await board.post(`/routines/${report.id}/triggers`, trigger)
  await board.post(`/routines/${report.id}/run`, { variables: { week: 48 } })
  await board.post(`/routines/${report.id}/run`, { variables: { week: 49 } })
  const mirror = await made({ title: 'Look at the mirror', assigneeAgentId: agents.alan.id })
  await board.post(`/routines/${mirror.id}/triggers`, { kind: 'schedule', cronExpression: '*/15 * * * *', timezone: 'UTC' })
  await board.patch(`/routines/${mirror.id}`, { status: 'paused' })
  await made({ title: 'Thank the people who helped', assigneeAgentId: null })
  return report.id
}

/** Makes webhooks: one that delivers, one that was parked after a day, and one that a person has disabled. @returns the parked one */
async function createWebhooks(board: Requests, companyId: string, sql: Sql): Promise<string> {
  const made = (host: string, fields: Readonly<Record<string, unknown>>): Promise<{ readonly id: string }> =>
    board.post(`/companies/${companyId}/webhooks`, { url: `https://${host}/hooks/3f9a`, ...fields })
  await made('chat.example.com', { description: 'The chat of the operators', events: ['approval.*', 'budget.*'] })
  const parked = await made('tickets.example.com', { description: 'Tickets of the customers', events: ['issue.*'] })
  const off = await made('old.example.com', { description: 'The old dashboard' })
  await board.patch(`/webhooks/${off.id}`, { status: 'disabled' })
  await sql.query(
    `update webhook_endpoints set status = 'parked', stopped_reason = 'retries_exhausted', stopped_at = now() - interval '2 hours', consecutive_failures = 8,
       failing_since = now() - interval '26 hours', last_success_at = now() - interval '27 hours', last_error = 'The receiver answered 503' where id = $1`,
    [parked.id],
  )
  for (let attempt = 1; attempt <= 8; attempt += 1)
    await sql.query(
      `insert into webhook_deliveries (company_id, webhook_id, message_id, event, cursor, attempt, status, error_code, error, duration_ms, answer)
       values ($1, $2, 'msg_7be1', 'issue.created', '1.1.1', $3, 503, 'status', 'The receiver answered 503', $4, '{"error":"down for maintenance"}')`,
      [companyId, parked.id, attempt, 40 + attempt * 3],
    )
  return parked.id
}

const SKILL = `---
name: release-notes
description: Writes the notes of a release from the issues that it has.
---

1. Read the issues of the release. Leave out what no operator can see.
2. Write one sentence for each. The first words say what is better now.
`

/** Imports a skill, and gives an agent skills and instructions. @returns the skill */
async function createTexts(board: Requests, companyId: string, { alan }: AutomationOf['agents']): Promise<string> {
  const files = {
    'SKILL.md': SKILL,
    'references/words.md': '# Words\n\nhold, run, wake\n',
    'scripts/list.sh': '#!/bin/sh\ngit log --oneline\n',
  }
  const { imported } = await board.post(`/companies/${companyId}/skills/import`, { files })
  const [skill] = imported as readonly { readonly id: string; readonly slug: string }[]
  const text = '# Alan\n\nYou keep the machines running. Ask before you restart one.\n'
  await board.put(`/agents/${alan.id}/instructions-bundle/file`, { path: 'AGENTS.md', content: text })
  await board.put(`/agents/${alan.id}/instructions-bundle/file`, { path: 'notes/machines.md', content: 'mirror: restart at night only\n' })
  return skill?.id ?? ''
}

/** Fills a company with what it runs on by itself. @returns the rows whose pages are looked at */
export async function createAutomation(
  board: Requests,
  companyId: string,
  of: AutomationOf,
): Promise<Readonly<Record<'routine' | 'skill' | 'webhook', string>>> {
  await createSecrets(board, companyId, of.agents)
  const routine = await createRoutines(board, companyId, of)
  const skill = await createTexts(board, companyId, of.agents)
  return { routine, skill, webhook: await createWebhooks(board, companyId, of.sql) }
}
