import { EventEmitter, once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listStartable } from '../control/dispatch/index.ts'
import { createOutputFile, createProcessAgent, insertQueuedRuns, useRunner } from '../dev/testing/runner.ts'
import { auditsOf, NO_HOLD, holdRow, runRow, waitUntil, wakesOf } from '../dev/testing/holds.ts'
import { actionsOf, auditCount, useServer, world } from '../dev/testing/world.ts'
import type { TestServer } from '../dev/testing/world.ts'
import type { Store } from '../platform/db/types.ts'

const server = useServer()

const shell = (script: string, runtimeConfig: object = {}) => ({
  adapterType: 'process',
  adapterConfig: { command: '/bin/sh', args: ['-c', script] },
  runtimeConfig,
})

const statuses = async (runIds: readonly string[]): Promise<string[]> => {
  const { rows } = await server().database.sql.query<{ status: string }>('select status from heartbeat_runs where id = any($1)', [runIds])
  return [...new Set(rows.map((row) => row.status))]
}

/** Starts runners on two servers of one database. */
async function twoServers(options: Parameters<typeof useRunner>[1] = {}): Promise<TestServer> {
  const second = await server().startPeer()
  const both = [useRunner(server(), options), useRunner(second, options)]
  const stop = async (): Promise<void> => {
    await Promise.all(both.map((runner) => runner.stop()))
    await second.stop()
  }
  return { ...second, stop }
}

describe('A queued run', () => {
  test('Every queued run is started exactly once by two servers', async () => {
    const here = await world(server())
    const notes = createOutputFile()
    const runIds: string[] = []
    for (let index = 0; index < 10; index += 1) {
      const agent = await here.agent(shell(`echo $PAPERCLIP_RUN_ID >> ${notes.file}`, { heartbeat: { maxConcurrentRuns: 5 } }))
      runIds.push(...(await insertQueuedRuns(server(), here.company.id, agent.id, 5)))
    }
    const second = await twoServers()
    await waitUntil('all runs are over', async () => String(await statuses(runIds)) === 'succeeded')
    await second.stop()
    expect(notes.lines().toSorted()).toEqual(runIds.toSorted())
    for (const runId of runIds) expect(await actionsOf(server(), runId)).toEqual(['heartbeat.run_started', 'heartbeat.run_finished'])
  })

  test('Two servers together never start more runs of an agent than its limit allows', async () => {
    const here = await world(server())
    const notes = createOutputFile()
    // The first run waits until a second one has started: two may run at once, however slow the machine is.
    const script = `echo + >> ${notes.file}; until [ $(grep -c + ${notes.file}) -ge 2 ]; do sleep 0.01; done; sleep 0.05; echo - >> ${notes.file}`
    const agent = await here.agent(shell(script, { heartbeat: { maxConcurrentRuns: 2 } }))
    const runIds = await insertQueuedRuns(server(), here.company.id, agent.id, 12)
    const second = await twoServers()
    await waitUntil('all runs are over', async () => String(await statuses(runIds)) === 'succeeded')
    await second.stop()
    let running = 0
    let most = 0
    for (const line of notes.lines()) {
      running += line === '+' ? 1 : -1
      most = Math.max(most, running)
    }
    expect({ started: notes.lines().length / 2, most }).toEqual({ started: 12, most: 2 })
  })

  test('The runs of an agent start in the order in which they were queued, one at a time by default', async () => {
    const here = await world(server())
    const notes = createOutputFile()
    const agent = await here.agent(shell(`echo $PAPERCLIP_RUN_ID >> ${notes.file}`))
    const runIds = await insertQueuedRuns(server(), here.company.id, agent.id, 5)
    useRunner(server())
    await waitUntil('all runs are over', async () => String(await statuses(runIds)) === 'succeeded')
    expect(notes.lines()).toEqual(runIds)
  })

  test('A server starts no more runs at once than it has slots', async () => {
    const here = await world(server())
    const notes = createOutputFile()
    const script = `echo + >> ${notes.file}; sleep 0.05; echo - >> ${notes.file}`
    const runIds: string[] = []
    for (let index = 0; index < 4; index += 1)
      runIds.push(...(await insertQueuedRuns(server(), here.company.id, (await here.agent(shell(script))).id, 2)))
    useRunner(server(), { maxRuns: 1 })
    await waitUntil('all runs are over', async () => String(await statuses(runIds)) === 'succeeded')
    expect(notes.lines().join('')).toBe('+-'.repeat(8))
  })

  test.each([
    ['its agent is paused', "update agents set status = 'paused' where id = $1"],
    ['its agent is terminated', "update agents set status = 'terminated' where id = $1"],
    ['its agent waits for an approval', "update agents set status = 'pending_approval' where id = $1"],
    [
      'its agent is over its budget',
      `with limited as (update agents set budget_monthly_cents = 1 where id = $1 returning company_id)
       insert into cost_rollups (company_id, grain, bucket, agent_id, provider, biller, billing_type, model, shard, microcents)
       select company_id, 'month', date_trunc('month', now() at time zone 'UTC') at time zone 'UTC', $1, 'p', 'p', 'unknown', 'm', 0, 1000000 from limited`,
    ],
    ['its agent has no command', `update agents set adapter_config = '{"cwd":"/"}' where id = $1`],
    ['the adapter is not allowed here', "update agents set adapter_type = 'codex_local' where id = $1"],
    ['the adapter is unknown', "update agents set adapter_type = 'crystal_ball' where id = $1"],
    ['its company is archived', "update companies set status = 'archived' where id = (select company_id from agents where id = $1)"],
    ['its lease has expired', "update heartbeat_runs set lease_expires_at = now() - interval '1 second' where agent_id = $1"],
  ])('A queued run is not started while %s', async (_, arrange) => {
    const here = await world(server())
    const other = await world(server())
    const notes = createOutputFile()
    const agent = await here.agent(shell(`echo never >> ${notes.file}`))
    const [runId = ''] = await insertQueuedRuns(server(), here.company.id, agent.id, 1)
    await server().database.sql.query(arrange, [agent.id])
    const audits = (await auditsOf(server(), runId)).length
    // The witness is behind the run in the queue: once it is over, the dispatcher has passed the run.
    const witness = await insertQueuedRuns(server(), other.company.id, (await other.agent(shell(''))).id, 1)
    useRunner(server(), { types: ['process'] })
    await waitUntil('the witness is over', async () => String(await statuses(witness)) === 'succeeded')
    expect(await runRow(server(), runId)).toMatchObject({ status: 'queued' })
    expect(notes.lines()).toEqual([])
    expect(await auditsOf(server(), runId)).toHaveLength(audits)
  })

  test('A queued run of one company does not wait for the queue of another company', async () => {
    const [big, small] = [await world(server()), await world(server())]
    const [first, second] = [await big.agent(shell('', { heartbeat: { maxConcurrentRuns: 10 } })), await small.agent(shell(''))]
    await insertQueuedRuns(server(), big.company.id, first.id, 20)
    await insertQueuedRuns(server(), small.company.id, second.id, 1)
    const turns = async (atWork: [string, number][]): Promise<string[]> =>
      (await listStartable(server().store, ['process'], new Map(atWork), 100))
        .map(({ agentId }) => agentId)
        .filter((id) => id === first.id || id === second.id)
    expect((await turns([])).slice(0, 3)).toEqual([first.id, second.id, first.id])
    expect((await turns([[big.company.id, 1]]))[0]).toBe(second.id)
    expect(await turns([])).toHaveLength(11)
    await server().database.sql.query('delete from heartbeat_runs where agent_id = any($1)', [[first.id, second.id]])
  })

  test('A queued run whose claim always fails delays no other run', async () => {
    const here = await world(server())
    const broken: string[] = []
    for (let count = 0; count < 6; count += 1)
      broken.push(...(await insertQueuedRuns(server(), here.company.id, (await here.agent(shell(''))).id, 1)))
    const behind = await insertQueuedRuns(server(), here.company.id, (await here.agent(shell(''))).id, 3)
    await server().database.sql.query(`
      create function test_refuse() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;
      create trigger test_refuse before update on heartbeat_runs for each row
        when (old.id in (${broken.map((id) => `'${id}'`).join(', ')}) and new.status = 'running') execute function test_refuse()`)
    onTestFinished(async () => void (await server().database.sql.query('drop function test_refuse cascade')))
    useRunner(server())
    await waitUntil('the runs behind it are over', async () => String(await statuses(behind)) === 'succeeded')
    expect(await statuses(broken)).toEqual(['queued'])
    await server().database.sql.query('delete from heartbeat_runs where id = any($1)', [broken])
  })

  test('A server without adapters does not change a queued run', async () => {
    const here = await world(server())
    const [runId = ''] = await insertQueuedRuns(server(), here.company.id, (await here.agent(shell(''))).id, 1)
    const runner = useRunner(server(), { types: [] })
    for (const task of runner.periodicTasks) await task.run()
    await runner.stop()
    expect(await runRow(server(), runId)).toMatchObject({ status: 'queued' })
    await server().database.sql.query('delete from heartbeat_runs where id = $1', [runId])
  })
})

describe('The issue of a queued run', () => {
  test('When another run holds the issue, the wake waits again and gets its run as soon as the issue is free', async () => {
    const here = await world(server())
    const notes = createOutputFile()
    const agent = await createProcessAgent(
      here,
      `require('fs').appendFileSync(${JSON.stringify(notes.file)}, process.env.PAPERCLIP_WAKE_REASON + '\\n')`,
      { maxConcurrentRuns: 2 },
    )
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const [wake] = await wakesOf(server(), issue.id)
    const holder = await here.run(agent)
    expect((await here.checkout(holder, issue.id)).status).toBe(200)
    useRunner(server())
    await waitUntil('the wake waits', async () => (await wakesOf(server(), issue.id))[0]?.status === 'deferred_issue_execution')
    expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'cancelled', errorCode: 'issue_held' })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ runId: null }])
    expect((await auditsOf(server(), wake?.id ?? ''))[0]).toMatchObject({ action: 'wake.deferred', details: { holderRunId: holder.id } })
    expect(notes.lines()).toEqual([])
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: holder.id, lockEpoch: 1 })
    await holder.client.post(`/api/heartbeat-runs/${holder.id}/finish`, { status: 'succeeded' })
    await waitUntil('the wake is completed', async () => (await wakesOf(server(), issue.id))[0]?.status === 'completed')
    expect(notes.lines()).toEqual(['issue_assigned'])
    expect(await holdRow(server(), issue.id)).toMatchObject(NO_HOLD)
  })

  test('A wake that lost its issue to other runs fifty times is skipped', async () => {
    const here = await world(server())
    const agent = await createProcessAgent(here, '', { maxConcurrentRuns: 2 })
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const [wake] = await wakesOf(server(), issue.id)
    expect((await here.checkout(await here.run(agent), issue.id)).status).toBe(200)
    await server().database.sql.query(
      `insert into heartbeat_runs (company_id, agent_id, status, wakeup_request_id) select $1, $2, 'cancelled', $3 from generate_series(1, 50)`,
      [here.company.id, agent.id, wake?.id],
    )
    useRunner(server())
    await waitUntil('the wake is skipped', async () => (await wakesOf(server(), issue.id))[0]?.status === 'skipped')
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ closeReason: 'issue_busy' }])
  })

  test.each([
    ['closed', "update issues set status = 'done' where id = $1", 'issue_closed'],
    ['given to another', `update issues set assignee_agent_id = $2 where id = $1`, 'not_assignee'],
    ['given to a person', "update issues set assignee_agent_id = null, assignee_user_id = 'a-person' where id = $1", 'not_assignee'],
    ['blocked', 'insert into issue_blockers (blocked_issue_id, blocker_issue_id) values ($1, $3)', 'issue_blocked'],
  ])('A queued run whose issue was %s meanwhile is closed with its wake, and both have the reason', async (_, arrange, why) => {
    const here = await world(server())
    const notes = createOutputFile()
    const agent = await createProcessAgent(here, `require('fs').writeFileSync(${JSON.stringify(notes.file)}, 'never')`)
    const [other, blocker] = [await here.agent(), await here.issue()]
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const [wake] = await wakesOf(server(), issue.id)
    const ids: Record<string, string> = { $1: issue.id, $2: other.id, $3: blocker.id }
    await server().database.sql.query(arrange.replaceAll(/\$\d/g, (name) => `'${ids[name]}'`))
    useRunner(server())
    await waitUntil('the wake is closed', async () => (await wakesOf(server(), issue.id))[0]?.status === 'skipped')
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ closeReason: why }])
    expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'cancelled', errorCode: why })
    expect(await actionsOf(server(), wake?.runId ?? '')).toEqual(['heartbeat.run_finished'])
    expect(notes.lines()).toEqual([])
  })

  test('A run of an agent that was only mentioned does not take the issue from its holder', async () => {
    const here = await world(server())
    const notes = createOutputFile()
    const mentioned = await createProcessAgent(
      here,
      `require('fs').appendFileSync(${JSON.stringify(notes.file)}, process.env.PAPERCLIP_TASK_ID + '\\n')`,
    )
    const { issue, run } = await here.held()
    useRunner(server())
    await server().board.post(`/api/issues/${issue.id}/comments`, {
      body: `What do you think, @${mentioned.name.replaceAll(' ', '-')} @"${mentioned.name}" @${mentioned.name}`,
    })
    await waitUntil('the wake is completed', async () =>
      (await wakesOf(server(), issue.id)).some((wake) => wake.agentId === mentioned.id && wake.status === 'completed'),
    )
    expect(notes.lines()).toEqual([issue.id])
    expect(await holdRow(server(), issue.id)).toMatchObject({ checkoutRunId: run.id, executionRunId: run.id, lockEpoch: 1 })
  })
})

test('A run that is queued while nothing else waits starts without a look at the queue', async () => {
  const { store } = server()
  let polls = 0
  let isQueueAway = false
  const released = new EventEmitter()
  const release = (): void => {
    isQueueAway = false
    released.emit('release')
  }
  onTestFinished(release)
  const read: Store['read'] = {
    ...store.read,
    async run(statement, params) {
      if (statement.name === 'startable' && isQueueAway) await once(released, 'release')
      const rows = await store.read.run(statement, params)
      if (statement.name === 'startable' && rows.length === 0) polls += 1
      return rows
    },
  }
  const here = await world(server())
  const agents = [await here.agent(shell('')), await here.agent(shell(''))]
  useRunner({ ...server(), store: { ...store, read } })
  await waitUntil('the queue was empty', async () => polls > 0)
  // From now on a look never ends, so only the commit that queues a run can start it.
  isQueueAway = true
  const [first, second] = agents.map((agent) => server().board.post(`/api/agents/${agent.id}/heartbeat/invoke`, {}))
  const runIds = (await Promise.all([first, second])).map((answer) => String(answer?.body.id))
  await waitUntil('a run is over', async () => (await statuses(runIds)).includes('succeeded'))
  release()
  await waitUntil('both runs are over', async () => String(await statuses(runIds)) === 'succeeded')
})

test('An idle server only reads the queue, the dead servers of its host, old worktrees and once its agents, and records nothing', async () => {
  const { store } = server()
  const reads = new Set<string | undefined>()
  const read: Store['read'] = {
    ...store.read,
    run(statement, params) {
      reads.add(statement.name)
      return store.read.run(statement, params)
    },
  }
  const runner = useRunner({ ...server(), store: { ...store, read } })
  const before = await auditCount(server())
  for (const task of runner.periodicTasks) await task.run()
  await waitUntil('the queue is read', async () => reads.has('startable'))
  await runner.stop()
  expect(reads).toEqual(new Set(['agent_to_start', 'execution_workspace_old_in', 'orphans_peer_servers', 'startable']))
  expect(await auditCount(server())).toBe(before)
})
