import { describe, expect, test } from 'vitest'
import { mutate, changedIfAny } from '../platform/db/mutate.ts'
import { countLateUsage } from '../control/execution/index.ts'
import { recordCosts } from '../engine/costs/index.ts'
import type { CostInput } from '../engine/costs/index.ts'
import { createOutputFile, useRunner } from '../dev/testing/runner.ts'
import { expectUnchanged, runRow, waitUntil, wakesOf } from '../dev/testing/holds.ts'
import { useServer, world } from '../dev/testing/world.ts'
import type { TestAgent, World } from '../dev/testing/world.ts'

const server = useServer()

interface CostRow {
  readonly externalId: string | null
  readonly model: string
  readonly provider: string
  readonly projectId: string | null
  readonly issueId: string | null
  readonly input: number
  readonly cached: number
  readonly output: number
  readonly microcents: number
  readonly isPriced: boolean
  readonly billingType: string
}

const costsOf = async (runId: string): Promise<CostRow[]> =>
  (
    await server().database.sql.query<CostRow>(
      `select external_id as "externalId", provider, model, project_id as "projectId", issue_id as "issueId", input_tokens::int as input,
         cached_input_tokens::int as cached, output_tokens::int as output, microcents::float as microcents, is_priced as "isPriced",
         billing_type as "billingType"
       from cost_events where heartbeat_run_id = $1 order by external_id`,
      [runId],
    )
  ).rows

/** The transactions and actors of the audit rows of a run's costs and of its end. */
const auditsOfMoney = async (runId: string) =>
  (
    await server().database.sql.query<{ action: string; txid: string; actorId: string }>(
      `select action, txid::text, actor_id as "actorId" from activity_log where action in ('cost.reported', 'heartbeat.run_finished') and run_id = $1
       order by seq`,
      [runId],
    )
  ).rows

const ended = (runId: string): Promise<void> =>
  waitUntil(`run ${runId} ends`, async () => !['queued', 'running'].includes((await runRow(server(), runId)).status))
const runOf = async (issueId: string): Promise<string> => (await wakesOf(server(), issueId)).at(-1)?.runId ?? ''

const agentOf = (here: World, adapterType: string, script: string, fields: object = {}): Promise<TestAgent> =>
  here.agent({ adapterType, adapterConfig: { command: createOutputFile().program(script), ...fields } })

/** The last line of Claude Code: 1000 tokens in, 50 out. */
const resultLine = (costUsd: number, inputTokens = 1000): string =>
  `console.log(JSON.stringify({ type: 'result', session_id: 's-1', result: 'done', total_cost_usd: ${costUsd},
     usage: { input_tokens: ${inputTokens}, output_tokens: 50 } }))`

const hardPolicy = async (companyId: string, scope: { type: string; id: string; policyId?: string }): Promise<void> =>
  void (await server().database.sql.query(
    `insert into budget_policies (id, company_id, scope_type, scope_id, amount) values (coalesce($4::uuid, gen_random_uuid()), $1, $2, $3, 100000)`,
    [companyId, scope.type, scope.id, scope.policyId ?? null],
  ))
const windowsOf = async (scopeId: string) =>
  (
    await server().database.sql.query<{ spent: number; reserved: number }>(
      `select spent::float, reserved::float from budget_windows w join budget_policies p on p.id = w.policy_id where p.scope_id = $1`,
      [scopeId],
    )
  ).rows

describe('The usage of a run that this server supervises', () => {
  test('It becomes an event of the run, of its issue and its project, in the transaction that ends the run', async () => {
    const here = await world(server())
    useRunner(server())
    const { body: project } = await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Rocket' })
    const agent = await agentOf(here, 'claude_local', `process.stdin.resume(); ${resultLine(0.25)}`, { model: 'claude-sonnet-4-5' })
    const issue = await here.issue({ assigneeAgentId: agent.id, projectId: project.id })
    const runId = await runOf(issue.id)
    await ended(runId)
    expect(await costsOf(runId)).toEqual([
      {
        externalId: `usage:${runId}`,
        provider: 'anthropic',
        model: 'claude-sonnet-4-5',
        projectId: project.id,
        issueId: issue.id,
        input: 1000,
        cached: 0,
        output: 50,
        microcents: 25_000_000,
        isPriced: true,
        billingType: 'unknown',
      },
    ])
    const audits = await auditsOfMoney(runId)
    expect(audits.map(({ action }) => action)).toEqual(['heartbeat.run_finished', 'cost.reported'])
    expect(new Set(audits.map(({ txid }) => txid)).size).toBe(1)
    const { body } = await server().board.get(`/api/agents/${agent.id}`)
    expect(body.spentMonthlyCents).toBe(25)
  })

  test('Tokens of a program that reports no cost are counted at their price, and those of an unknown model at an unknown cost', async () => {
    const here = await world(server())
    useRunner(server())
    const script = `process.stdin.resume(); console.log(JSON.stringify({ type: 'thread.started', thread_id: 't-1' }))
      console.log(JSON.stringify({ type: 'turn.completed', usage: { input_tokens: 1000, cached_input_tokens: 400, output_tokens: 50 } }))`
    const priced = await agentOf(here, 'codex_local', script, { model: 'gpt-5' })
    const unpriced = await agentOf(here, 'codex_local', script)
    const runs = await Promise.all([priced, unpriced].map(async ({ id }) => runOf((await here.issue({ assigneeAgentId: id })).id)))
    await Promise.all(runs.map(ended))
    const counts = { provider: 'openai', input: 600, cached: 400, output: 50 }
    expect(await costsOf(runs[0] ?? '')).toMatchObject([{ ...counts, model: 'gpt-5', microcents: 130_000, isPriced: true }])
    expect(await costsOf(runs[1] ?? '')).toMatchObject([{ ...counts, model: 'unknown', microcents: 0, isPriced: false }])
  })

  test('A session that the next run continues is not counted again with the totals that it reports', async () => {
    const here = await world(server())
    useRunner(server())
    const script = `process.stdin.resume(); const turns = process.argv.includes('resume') ? 2 : 1
      console.log(JSON.stringify({ type: 'thread.started', thread_id: 't-9' }))
      console.log(JSON.stringify({ type: 'item.completed', item: { type: 'agent_message', text: 'ok' } }))
      console.log(JSON.stringify({ type: 'turn.completed', usage: { input_tokens: 1000 * turns, cached_input_tokens: 400 * turns, output_tokens: 50 * turns } }))`
    const agent = await agentOf(here, 'codex_local', script, { model: 'gpt-5' })
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const first = await runOf(issue.id)
    await ended(first)
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Go on' })
    const second = await runOf(issue.id)
    expect(second).not.toBe(first)
    await ended(second)
    const counts = { input: 600, cached: 400, output: 50, microcents: 130_000 }
    expect([await costsOf(first), await costsOf(second)]).toMatchObject([[counts], [counts]])
  })

  test('The reports of the agent while it ran are not counted twice', async () => {
    const here = await world(server())
    useRunner(server())
    const notes = createOutputFile()
    const script = `process.stdin.resume(); require('fs').writeFileSync(${JSON.stringify(notes.file)}, 'on\\n')
      process.on('SIGUSR2', () => { ${resultLine(0.25)}; process.exit(0) }); setInterval(() => {}, 1000)
      require('fs').appendFileSync(${JSON.stringify(notes.file)}, process.pid + '\\n')`
    const agent = await agentOf(here, 'claude_local', script)
    const runId = await runOf((await here.issue({ assigneeAgentId: agent.id })).id)
    await waitUntil('the program runs', async () => notes.lines().length === 2)
    const event: CostInput = {
      agentId: agent.id,
      runId,
      issueId: null,
      projectId: null,
      goalId: null,
      billingCode: null,
      provider: 'anthropic',
      biller: 'anthropic',
      billingType: 'metered_api',
      model: 'm',
      inputTokens: 900,
      cachedInputTokens: 0,
      outputTokens: 60,
      microcents: 20_000_000,
      isPriced: true,
      source: 'reported',
      externalId: 'call-1',
      correctsId: null,
      occurredAt: new Date().toISOString(),
    }
    const ctx = { actor: { kind: 'system', task: 'test' }, companyId: here.company.id, requestId: null, store: server().store } as const
    await mutate({ ...ctx, idempotency: null }, async (tx) =>
      changedIfAny(undefined, (await recordCosts(tx, here.company.id, [event])).events),
    )
    process.kill(Number(notes.lines()[1]), 'SIGUSR2')
    await ended(runId)
    expect(await costsOf(runId)).toMatchObject([
      { externalId: 'call-1', microcents: 20_000_000 },
      { externalId: `usage:${runId}`, input: 100, output: 0, microcents: 5_000_000 },
    ])
  })
})

describe('The usage of a run that another party ends', () => {
  /** A run whose program reports its usage when it is asked to end. */
  const reportsAtEnd = (file: string, before = ''): string =>
    `process.stdin.resume(); process.on('SIGTERM', () => { ${resultLine(0.5)}; process.exit(0) }); setInterval(() => {}, 1000)
     ${before}; require('fs').appendFileSync(${JSON.stringify(file)}, 'on\\n')`

  test('It is counted once when the program exits after a cancel, by the server, and the outcome stays', async () => {
    const here = await world(server())
    useRunner(server())
    const notes = createOutputFile()
    const agent = await agentOf(here, 'claude_local', reportsAtEnd(notes.file))
    const runId = await runOf((await here.issue({ assigneeAgentId: agent.id })).id)
    await waitUntil('the program runs', async () => notes.lines().length > 0)
    await server().board.post(`/api/heartbeat-runs/${runId}/cancel`)
    await waitUntil('its usage is counted', async () => (await costsOf(runId)).length > 0)
    await countLateUsage(server().store, { runId, companyId: here.company.id }, { inputTokens: 1000, outputTokens: 50, costUsd: 0.75 })
    expect(await costsOf(runId)).toMatchObject([{ externalId: `usage:${runId}:exit`, microcents: 50_000_000, input: 1000 }])
    expect((await auditsOfMoney(runId)).at(-1)).toMatchObject({ action: 'cost.reported', actorId: 'scheduler' })
    expect((await runRow(server(), runId)).status).toBe('cancelled')
  })

  test('An agent that finishes its own run with less than its program reports pays for all of it, once', async () => {
    const here = await world(server())
    useRunner(server(), { renewEveryMs: 50 })
    const notes = createOutputFile()
    const finish = `const { PAPERCLIP_API_URL: api, PAPERCLIP_API_KEY: key, PAPERCLIP_RUN_ID: id } = process.env
      fetch(api + '/api/heartbeat-runs/' + id + '/finish', { method: 'POST',
        headers: { authorization: 'Bearer ' + key, 'content-type': 'application/json' },
        body: JSON.stringify({ status: 'succeeded', usageJson: { inputTokens: 10, costUsd: 0.0001, model: 'claude-sonnet-4-5' } }) })`
    const agent = await agentOf(here, 'claude_local', reportsAtEnd(notes.file, finish))
    const runId = await runOf((await here.issue({ assigneeAgentId: agent.id })).id)
    await waitUntil('its usage is counted', async () => (await costsOf(runId)).length === 2)
    expect(await costsOf(runId)).toMatchObject([
      { externalId: `usage:${runId}`, input: 10, microcents: 10_000 },
      { externalId: `usage:${runId}:exit`, input: 990, microcents: 49_990_000 },
    ])
    await waitUntil('its usage is that of the program', async () => {
      const { body } = await server().board.get(`/api/heartbeat-runs/${runId}`)
      return body.usageJson?.inputTokens === 1000
    })
  })
})

describe('The usage that an agent states when it finishes', () => {
  const usageJson = { input_tokens: 1000, output_tokens: 50, model: 'claude-sonnet-4-5', provider: 'anthropic', tokens: 'many' }

  test('It is counted once, however often the end is reported', async () => {
    const here = await world(server())
    const { agent, run } = await here.held()
    const finish = () => run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded', usageJson })
    expect((await finish()).status).toBe(200)
    expect(await costsOf(run.id)).toMatchObject([{ input: 1000, output: 50, microcents: 375_000, externalId: `usage:${run.id}` }])
    await expectUnchanged(server(), () => agent.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded', usageJson }))
    expect(await costsOf(run.id)).toHaveLength(1)
  })

  test('Nothing is counted where it has no number', async () => {
    const here = await world(server())
    const { run } = await here.held()
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, {
      status: 'succeeded',
      usageJson: { inputTokens: 'many', costUsd: null },
    })
    expect(await costsOf(run.id)).toEqual([])
    expect((await auditsOfMoney(run.id)).map(({ action }) => action)).toEqual(['heartbeat.run_finished'])
  })

  test('It names no session, whose totals would be taken from the next run', async () => {
    const here = await world(server())
    const { run } = await here.held()
    const { body } = await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, {
      status: 'succeeded',
      usageJson: { inputTokens: 5, ofSession: 's-1' },
    })
    expect(body.usageJson).toEqual({ inputTokens: 5 })
  })

  test('It is charged to the limits above the run, and what is left of every reservation is given back', async () => {
    const here = await world(server())
    const projectOf = async (name: string): Promise<string> =>
      (await server().board.post(`/api/companies/${here.company.id}/projects`, { name })).body.id as string
    const [old, present] = [await projectOf('Old'), await projectOf('Present')]
    const agent = await here.agent()
    // The policy of the project that the issue leaves has the lowest id: locked behind the others it would be out of order.
    await hardPolicy(here.company.id, { type: 'project', id: old, policyId: '00000000-0000-4000-8000-000000000001' })
    await hardPolicy(here.company.id, { type: 'project', id: present })
    await hardPolicy(here.company.id, { type: 'agent', id: agent.id, policyId: 'ffffffff-ffff-4fff-8fff-ffffffffffff' })
    const run = await here.run(agent)
    const issue = await here.issue({ projectId: old })
    expect((await here.checkout(run, issue.id)).status).toBe(200)
    expect((await windowsOf(old))[0]?.reserved).toBeGreaterThan(0)
    expect((await server().board.patch(`/api/issues/${issue.id}`, { projectId: present })).status).toBe(200)
    expect((await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded', usageJson })).status).toBe(200)
    expect(await costsOf(run.id)).toMatchObject([{ projectId: present, microcents: 375_000 }])
    expect(await windowsOf(old)).toEqual([{ spent: 0, reserved: 0 }])
    expect(await windowsOf(present)).toEqual([{ spent: 375_000, reserved: 0 }])
    expect(await windowsOf(agent.id)).toEqual([{ spent: 375_000, reserved: 0 }])
  })
})
