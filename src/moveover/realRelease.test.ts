// A move from the public release itself, whose database is made through its own API and command line. It installs the release outside of the project, so it
// belongs to the full check.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { installPeer, startTheirs } from '../dev/bench/peer/sides.ts'
import { createCommand } from '../dev/compat/commandLine.ts'
import type { Command } from '../dev/compat/commandLine.ts'
import { idOf } from '../dev/compat/expected.ts'
import { callApi, createSetup } from '../dev/compat/setup.ts'
import type { Setup } from '../dev/compat/setup.ts'
import { openPool } from '../platform/db/driver/client.ts'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { useServer } from '../dev/testing/world.ts'
import { moveOver } from './index.ts'

const server = useServer()

interface Made {
  readonly setup: Setup
  readonly issueId: string
  readonly identifier: string
}

/** Makes one of everything in the release, most of it through its command line. */
async function makeData(setup: Setup, board: Command, agent: Command): Promise<Made> {
  const { base, companyId, projectId, goalId, engineer, ceo } = setup
  const numbered = [
    '--project-id',
    projectId,
    '--goal-id',
    goalId,
    '--assignee-agent-id',
    engineer.id,
    '--status',
    'todo',
    '--priority',
    'high',
  ]
  const created = (await board(['issue', 'create', '-C', companyId, '--title', 'Guide', ...numbered], { like: { status: 'todo' } })) as {
    id: string
    identifier: string
  }
  const { id, identifier } = created
  await board(['issue', 'create', '-C', companyId, '--title', 'Part', '--parent-id', id], { like: { parentId: id } })
  await board(['issue', 'comment', id, '--body', 'From the board'], { like: { issueId: id } })
  await agent(['issue', 'comment', id, '--body', 'From the agent'], { like: { authorAgentId: engineer.id } })
  await board(['issue', 'checkout', id, '--agent-id', engineer.id], { like: { status: 'in_progress' } })
  await board(
    [
      'approval',
      'create',
      '-C',
      companyId,
      '--type',
      'approve_ceo_strategy',
      '--payload',
      '{"plan":"grow"}',
      '--requested-by-agent-id',
      ceo.id,
    ],
    { like: { status: 'pending' } },
  )
  const post = (route: string, body: unknown, method = 'POST') => callApi(base, method, route, { body })
  const document = (await post(`/issues/${id}/documents/plan`, { format: 'markdown', body: 'First' }, 'PUT')) as {
    latestRevisionId: string
  }
  await post(`/issues/${id}/documents/plan`, { format: 'markdown', body: 'Second', baseRevisionId: document.latestRevisionId }, 'PUT')
  const label = idOf(await post(`/companies/${companyId}/labels`, { name: 'bug', color: '#ff0000' }))
  await post(`/issues/${id}`, { labelIds: [label] }, 'PATCH')
  await post(`/companies/${companyId}/cost-events`, {
    agentId: engineer.id,
    provider: 'anthropic',
    model: 'm',
    costCents: 12,
    occurredAt: new Date().toISOString(),
    issueId: id,
  })
  await post(`/companies/${companyId}/secrets`, { name: 'GH_TOKEN', value: 'a value of the old server' })
  return { setup, issueId: id, identifier }
}

/** The command line of the release, with its expectations as those of the test. */
const commandOf = (apiBase: string, key: string | undefined): Command => {
  const home = mkdtempSync(path.join(tmpdir(), 'paperclip-move-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  mkdirSync(path.join(home, 'work'))
  const report = { record: (expectation: string, problem: string | null) => expect(problem, expectation).toBeNull(), close: () => 0 }
  return createCommand({ file: installPeer(), home, apiBase, report, key })
}

/** How many rows of a company a table of either database has. */
const countIn = async (
  sql: { query(text: string, values: unknown[]): Promise<{ rows: { count: number }[] }> },
  table: string,
  companyId: string,
): Promise<number> =>
  (await sql.query(`select count(*)::int as count from ${table} where company_id = $1`, [companyId])).rows[0]?.count ?? 0

/** Tables whose rows come one for one, by the name of the source and the name here. */
const same: readonly (readonly [string, string])[] = [
  ['agents', 'agents'],
  ['agent_api_keys', 'agent_api_keys'],
  ['goals', 'goals'],
  ['projects', 'projects'],
  ['labels', 'labels'],
  ['issues', 'issues'],
  ['issue_comments', 'issue_comments'],
  ['documents', 'issue_documents'],
  ['document_revisions', 'issue_document_revisions'],
  ['heartbeat_runs', 'heartbeat_runs'],
  ['approvals', 'approvals'],
  ['cost_events', 'cost_events'],
  ['company_secrets', 'company_secrets'],
]

describe.runIf(isFullCheck)('The public release', () => {
  test(
    'A company that was made through its command line comes whole, and the command line goes on against this server',
    { timeout: 240_000 },
    async () => {
      const side = await startTheirs()
      onTestFinished(() => side.stop())
      const theirs = `http://127.0.0.1:${side.port}`
      const setup = await createSetup(theirs)
      const { issueId, identifier } = await makeData(setup, commandOf(theirs, undefined), commandOf(theirs, setup.engineer.key))
      const { companyId, engineer } = setup
      const { user, password, host, port, database } = side.database
      const from = `postgres://${user}:${encodeURIComponent(password)}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`
      const there = openPool({ ...side.database, max: 1 })
      const report = await moveOver({ from, store: server().store, companies: null, isApplied: true, activate: true })
      const [company] = report.companies
      expect(company).toMatchObject({ id: companyId, outcome: 'new', isActivated: true, secretsToEnter: ['GH_TOKEN'] })
      expect(company?.problems.filter(({ table }) => table !== 'heartbeat_runs')).toEqual([])
      for (const [name, here] of same)
        expect([here, await countIn(server().database.sql, here, companyId)]).toEqual([here, await countIn(there, name, companyId)])
      await there.end()
      expect(company?.tables['activity_log']).toMatchObject({ refused: 0, brought: company?.tables['activity_log']?.inSource })
      await side.stop()

      const [board, agent] = [commandOf(server().url, undefined), commandOf(server().url, engineer.key)]
      await board(['company', 'get', companyId], { like: { name: 'Acme', status: 'active' } })
      await board(['issue', 'get', identifier], { like: { id: issueId, status: 'in_progress', checkoutRunId: null } })
      await board(['issue', 'list', '-C', companyId], { count: 2 })
      await agent(['issue', 'comment', issueId, '--body', 'I go on here'], { like: { authorAgentId: engineer.id } })
      await board(['issue', 'create', '-C', companyId, '--title', 'Next'], { like: { identifier: identifier.replace(/\d+$/, '3') } })
      await board(['approval', 'list', '-C', companyId], { count: 1 })
    },
  )
})
