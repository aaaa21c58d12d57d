import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  auditsOf,
  NO_HOLD,
  holdRow,
  keyClientForRun,
  plantColumns,
  expectRefused,
  expectUnchanged,
  wakesOf,
} from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const sql = (text: string, values: unknown[] = []) => server().database.sql.query(text, values)

describe('checkout that takes the issue (LOCK_PROTOCOL §4.1, row 7)', () => {
  test('Checkout gives the issue to the run; state, audit row and message agree', async () => {
    const { held: heldIssue } = await world(server())
    const { issue, run, agent } = await heldIssue()
    const { body } = await server().board.get(`/api/issues/${issue.id}`)
    expect(body).toMatchObject({
      status: 'in_progress',
      assigneeAgentId: agent.id,
      assigneeUserId: null,
      checkoutRunId: run.id,
      executionRunId: run.id,
      executionAgentNameKey: agent.name.toLowerCase(),
      completedAt: null,
      cancelledAt: null,
      lockEpoch: 1,
    })
    expect(body.startedAt).not.toBeNull()
    expect(body.executionLockedAt).not.toBeNull()
    expect(await actionsOf(server(), issue.id)).toEqual(['issue.created', 'issue.checked_out'])
    const row = await lastAudit(server(), issue.id, 'issue.checked_out')
    expect(row).toMatchObject({ actorType: 'agent', actorId: agent.id, agentId: agent.id, runId: run.id })
    expect(row.details).toEqual({ agentId: agent.id, runId: run.id, lockEpoch: 1 })
    expect(server().messages.filter((message) => message.entityId === issue.id && message.action === 'issue.checked_out')).toHaveLength(1)
  })

  test('Checkout reopens a closed issue whose status was expected and keeps the time of its first start', async () => {
    const { held: heldIssue, run, checkout } = await world(server())
    const { issue, run: first, agent } = await heldIssue()
    const started = (await server().board.get(`/api/issues/${issue.id}`)).body.startedAt
    await first.client.patch(`/api/issues/${issue.id}`, { status: 'done' })
    const answer = await checkout(await run(agent), issue.id, ['done'])
    expect(answer.body).toMatchObject({ status: 'in_progress', startedAt: started, completedAt: null, cancelledAt: null, lockEpoch: 3 })
  })

  test('Checkout takes over from a run of the same agent whose lease expired, and the audit row names that run', async () => {
    const { held: heldIssue, run, checkout } = await world(server())
    const { issue, run: dead, agent } = await heldIssue()
    await expireLease(server(), dead.id)
    const next = await run(agent)
    expect(await checkout(next, issue.id, ['backlog'])).toMatchObject({ status: 200, body: { checkoutRunId: next.id, lockEpoch: 2 } })
    expect((await lastAudit(server(), issue.id, 'issue.checked_out')).details).toEqual({
      agentId: agent.id,
      runId: next.id,
      lockEpoch: 2,
      previousCheckoutRunId: dead.id,
      previousExecutionRunId: dead.id,
    })
  })

  test('Checkout replaces stale columns that name a missing, foreign or ended run', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const foreign = await elsewhere.run(await elsewhere.agent())
    const agent = await here.agent()
    const ended = await here.run(agent)
    await ended.client.post(`/api/heartbeat-runs/${ended.id}/finish`, { status: 'failed' })
    for (const staleRunId of [randomUUID(), foreign.id, ended.id]) {
      const issue = await here.issue()
      await plantColumns(server(), issue.id, { checkoutRunId: staleRunId, executionAgentNameKey: 'ghost' })
      const run = await here.run(agent)
      expect(await here.checkout(run, issue.id)).toMatchObject({ status: 200, body: { checkoutRunId: run.id, executionRunId: run.id } })
      const { details } = await lastAudit(server(), issue.id, 'issue.checked_out')
      expect(details).toMatchObject({ previousCheckoutRunId: staleRunId })
      expect(details).not.toHaveProperty('previousExecutionRunId')
    }
  })

  test('An agent with an API key acts in the run that its header names', async () => {
    const { agent, run, issue } = await world(server())
    const who = await agent()
    const acting = await run(who)
    const free = await issue()
    const body = { agentId: who.id, expectedStatuses: ['todo'] }
    expect(await keyClientForRun(who, acting).post(`/api/issues/${free.id}/checkout`, body)).toMatchObject({
      status: 200,
      body: { checkoutRunId: acting.id },
    })
  })

  test('A checkout by the board assigns the issue without a hold and wakes the agent', async () => {
    const { agent, issue } = await world(server())
    const who = await agent()
    const given = await issue()
    const answer = await server().board.post(`/api/issues/${given.id}/checkout`, { agentId: who.id, expectedStatuses: ['todo'] })
    expect(answer.body).toMatchObject({ status: 'in_progress', assigneeAgentId: who.id, ...NO_HOLD, lockEpoch: 1 })
    expect((await lastAudit(server(), given.id, 'issue.checked_out')).details).toEqual({ agentId: who.id, runId: null, lockEpoch: 1 })
    expect(await wakesOf(server(), given.id)).toMatchObject([{ agentId: who.id, status: 'queued', reason: 'issue_checked_out' }])
  })

  test('Checkout accepts the identifier of an issue as well as its id', async () => {
    const { agent, run, issue } = await world(server())
    const who = await run(await agent())
    const named = await issue()
    const path = `/api/issues/${named.identifier.toLowerCase()}/checkout`
    expect(await who.client.post(path, { agentId: who.agentId, expectedStatuses: ['todo'] })).toMatchObject({
      status: 200,
      body: { id: named.id },
    })
  })
})

describe('checkout that keeps the hold (row 2)', () => {
  test('A second checkout by the holder gets the same answer, no second audit row and no new epoch', async () => {
    const { held: heldIssue, checkout } = await world(server())
    const { issue, run } = await heldIssue()
    const answer = await expectUnchanged(server(), () => checkout(run, issue.id, ['done']))
    expect(answer.body).toMatchObject({ status: 'in_progress', checkoutRunId: run.id, lockEpoch: 1 })
  })
})

describe('checkout that is refused and changes nothing', () => {
  test('Row 1: an evicted run is refused without limit of time, also when the issue is free again; a new run of its agent is not', async () => {
    const { held: heldIssue, run, checkout } = await world(server())
    const { issue, run: evicted, agent } = await heldIssue()
    await server().board.post(`/api/issues/${issue.id}/admin/force-release?clearAssignee=true`)
    const answer = await expectRefused(server(), () => checkout(evicted, issue.id), 409, 'lock_revoked')
    expect(answer.body).toMatchObject({ error: 'Issue checkout conflict', details: { retryable: false, next: 'new_run', holder: null } })
    expect((await checkout(await run(agent), issue.id)).status).toBe(200)
  })

  test('Row 3: a checkout of an issue with a live holder is refused to every caller', async () => {
    const { held: heldIssue, agent, run, checkout } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const rival = await run(await agent())
    const sibling = await run(owner)
    const refused = await expectRefused(server(), () => checkout(rival, issue.id), 409, 'issue_held')
    expect(refused.body).toMatchObject({ error: 'Issue checkout conflict', details: { holder: { runId: holder.id, live: true } } })
    await expectRefused(server(), () => checkout(sibling, issue.id, ['in_progress']), 409, 'issue_held')
    const forRival = { agentId: rival.agentId, expectedStatuses: ['in_progress'] }
    await expectRefused(server(), () => server().board.post(`/api/issues/${issue.id}/checkout`, forRival), 409, 'issue_held')
  })

  test('Row 3: a live run in either column alone refuses the checkout', async () => {
    const { issue, agent, run, checkout } = await world(server())
    const holder = await run(await agent())
    const asking = await run(await agent())
    for (const column of ['checkoutRunId', 'executionRunId'] as const) {
      const half = await issue()
      await plantColumns(server(), half.id, { [column]: holder.id })
      const { body } = await expectRefused(server(), () => checkout(asking, half.id), 409, 'issue_held')
      expect(body.details.holder).toMatchObject({ runId: holder.id })
    }
  })

  test('Row 4: an issue assigned to another agent is refused, also when its run is dead; so is one assigned to a user', async () => {
    const { held: heldIssue, agent, run, issue, checkout } = await world(server())
    const { issue: theirs, run: dead } = await heldIssue()
    await expireLease(server(), dead.id)
    const asking = await run(await agent())
    await expectRefused(server(), () => checkout(asking, theirs.id, ['in_progress']), 409, 'issue_assigned')
    const personal = await issue({ assigneeUserId: 'local-board' })
    await expectRefused(server(), () => checkout(asking, personal.id), 409, 'issue_assigned')
    const forAgent = { agentId: asking.agentId, expectedStatuses: ['todo'] }
    const byBoard = await server().board.post(`/api/issues/${personal.id}/checkout`, forAgent)
    expect(byBoard.body).toMatchObject({ assigneeAgentId: asking.agentId, assigneeUserId: null })
  })

  test.each(['cancelled', 'done'])(
    'Row 5: unresolved blockers refuse the checkout, and a blocker that is %s is resolved',
    async (status) => {
      const { agent, run, issue, checkout } = await world(server())
      const asking = await run(await agent())
      const blocker = await issue()
      const blocked = await issue({ blockedByIssueIds: [blocker.id] })
      const answer = await expectRefused(server(), () => checkout(asking, blocked.id), 422, 'issue_blocked')
      expect(answer.body).toMatchObject({
        error: 'Issue is blocked by unresolved blockers',
        details: { unresolvedBlockerIssueIds: [blocker.id] },
      })
      await server().board.patch(`/api/issues/${blocker.id}`, { status })
      expect((await checkout(asking, blocked.id)).status).toBe(200)
    },
  )

  test('Row 6: an agent over its budget, a paused project and a company that is not active refuse the checkout', async () => {
    const { company, agent, run, issue, checkout } = await world(server())
    const asking = await run(await agent({ budgetMonthlyCents: 100 }))
    const wanted = await issue()
    await sql('update budget_windows set spent = 100 * 1000000 where policy_id = (select id from budget_policies where scope_id = $1)', [
      asking.agentId,
    ])
    const overBudget = await expectRefused(server(), () => checkout(asking, wanted.id), 409, 'budget_exhausted')
    expect(overBudget.body).toMatchObject({
      error: 'Issue checkout conflict',
      details: { next: 'ask_board', reason: 'The budget is used up', scopeType: 'agent', limitCents: 100, leftCents: 0 },
    })
    await sql('update budget_windows set spent = 99 * 1000000 where policy_id = (select id from budget_policies where scope_id = $1)', [
      asking.agentId,
    ])

    const { rows } = await sql(
      `insert into projects (company_id, name, url_key, status, paused_at) values ($1, 'P', 'p', 'planned', now()) returning id`,
      [company.id],
    )
    await sql('update issues set project_id = $2 where id = $1', [wanted.id, rows[0].id])
    await expectRefused(server(), () => checkout(asking, wanted.id), 409, 'project_paused')
    await sql('update projects set paused_at = null where id = $1', [rows[0].id])

    await sql("update companies set status = 'paused' where id = $1", [company.id])
    await expectRefused(server(), () => checkout(asking, wanted.id), 409, 'company_not_active')
    await sql("update companies set status = 'active' where id = $1", [company.id])
    expect((await checkout(asking, wanted.id)).status).toBe(200)
  })

  test('Row 6: the board is refused for an agent that is paused, pending, terminated, missing or of another company', async () => {
    const { agent, issue } = await world(server())
    const elsewhere = await world(server())
    const wanted = await issue()
    const board = (agentId: string) => server().board.post(`/api/issues/${wanted.id}/checkout`, { agentId, expectedStatuses: ['todo'] })
    const who = await agent()
    for (const status of ['paused', 'pending_approval', 'terminated']) {
      await sql('update agents set status = $2 where id = $1', [who.id, status])
      const answer = await expectRefused(server(), () => board(who.id), 409, 'agent_not_invokable')
      expect(answer.body.details).toMatchObject({ agentStatus: status, next: 'ask_board' })
    }
    const missing = await expectRefused(server(), () => board(randomUUID()), 404, 'not_found')
    expect(missing.body.error).toBe('Agent not found')
    const foreign = await elsewhere.agent()
    await expectRefused(server(), () => board(foreign.id), 422, 'other_company')
  })

  test('Row 8: an issue in a status that was not expected is refused', async () => {
    const { agent, run, issue, checkout } = await world(server())
    const asking = await run(await agent())
    const done = await issue({ status: 'done' })
    const answer = await expectRefused(server(), () => checkout(asking, done.id, ['todo', 'backlog']), 409, 'status_unexpected')
    expect(answer.body).toMatchObject({ error: 'Issue checkout conflict', details: { status: 'done', next: 'pick_other' } })
  })
})

describe('the acting run of a checkout (§4)', () => {
  test('A checkout without a run is 401, with a malformed one 400, with a run of another agent 422, with a dead run 409', async () => {
    const { agent, run, issue } = await world(server())
    const elsewhere = await world(server())
    const who = await agent()
    const wanted = await issue()
    const body = { agentId: who.id, expectedStatuses: ['todo'] }
    const ask = (runId: string) => () => keyClientForRun(who, runId).post(`/api/issues/${wanted.id}/checkout`, body)

    const none = await expectRefused(server(), () => who.client.post(`/api/issues/${wanted.id}/checkout`, body), 401, 'run_required')
    expect(none.body.error).toBe('Agent run id required')
    await expectRefused(server(), ask('not-a-uuid'), 400, 'malformed_run_id')
    await expectRefused(server(), ask(randomUUID()), 422, 'run_unknown')
    await expectRefused(server(), ask((await run(await agent())).id), 422, 'run_unknown')
    await expectRefused(server(), ask((await elsewhere.run(await elsewhere.agent())).id), 422, 'run_unknown')

    const lapsed = await run(who)
    await expireLease(server(), lapsed.id)
    const late = await expectRefused(server(), ask(lapsed.id), 409, 'run_ended')
    expect(late.body.details).toMatchObject({ actorRunId: lapsed.id, runStatus: 'running', next: 'new_run' })
    const ended = await run(who)
    await server().board.post(`/api/heartbeat-runs/${ended.id}/cancel`)
    await expectRefused(server(), ask(ended.id), 409, 'run_ended')
  })

  test('A header that differs from the run of the token is 422; one that agrees is accepted', async () => {
    const { agent, run, issue } = await world(server())
    const who = await agent()
    const [acting, other] = [await run(who), await run(who)]
    const wanted = await issue()
    const body = { agentId: who.id, expectedStatuses: ['todo'] }
    const path = `/api/issues/${wanted.id}/checkout`
    await expectRefused(server(), () => acting.client.post(path, body, { 'x-paperclip-run-id': other.id }), 422, 'run_id_mismatch')
    const agrees = await acting.client.post(path, body, { 'x-paperclip-run-id': acting.id.toUpperCase() })
    expect(agrees).toMatchObject({ status: 200, body: { checkoutRunId: acting.id } })
  })

  test('A token whose run is dead is 401 on every route, reads included', async () => {
    const { agent, run, issue } = await world(server())
    const who = await agent()
    const wanted = await issue()
    const ended = await run(who)
    await server().board.post(`/api/heartbeat-runs/${ended.id}/cancel`)
    const body = { agentId: who.id, expectedStatuses: ['todo'] }
    await expectRefused(server(), () => ended.client.post(`/api/issues/${wanted.id}/checkout`, body), 401, 'unauthorized')
    await expectRefused(server(), () => ended.client.get(`/api/issues/${wanted.id}`), 401, 'unauthorized')
    // The lease expired although this server has cached the token as valid: the write is checked under the run's lock.
    const lapsed = await run(who)
    expect((await lapsed.client.get(`/api/issues/${wanted.id}`)).status).toBe(200)
    await expireLease(server(), lapsed.id)
    await expectRefused(server(), () => lapsed.client.post(`/api/issues/${wanted.id}/checkout`, body), 401, 'unauthorized')
  })

  test('Reads with an API key ignore the run header', async () => {
    const { agent, issue } = await world(server())
    const who = await agent()
    const wanted = await issue()
    for (const header of ['nonsense', randomUUID()]) {
      expect((await who.client.get(`/api/issues/${wanted.id}`, { 'x-paperclip-run-id': header })).status).toBe(200)
    }
  })

  test('An agent checks out for itself only, and its company comes from the credential: a foreign and a missing issue are the same 404', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const asking = await here.run(await here.agent())
    const colleague = await here.agent()
    const mine = await here.issue()
    const foreign = await elsewhere.issue()
    const forColleague = { agentId: colleague.id, expectedStatuses: ['todo'] }
    const self = await expectRefused(server(), () => asking.client.post(`/api/issues/${mine.id}/checkout`, forColleague), 403, 'not_self')
    expect(self.body.error).toBe('Agent can only checkout as itself')
    const answers = []
    for (const id of [foreign.id, foreign.identifier, randomUUID()]) {
      const { body } = await expectRefused(server(), () => here.checkout(asking, id), 404, 'not_found')
      answers.push({ error: body.error, code: body.code, details: body.details })
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
  })
})

describe('concurrent checkouts', () => {
  test('Of 32 runs that check out one issue at once, exactly one holds it', async () => {
    const { agent, run, issue, checkout } = await world(server())
    const agents = await Promise.all(Array.from({ length: 32 }, () => agent()))
    const runs = await Promise.all(agents.map((each) => run(each)))
    const contested = await issue()
    const answers = await race(runs, (each) => checkout(each, contested.id))
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 31 })
    expect(await actionsOf(server(), contested.id)).toEqual(['issue.created', 'issue.checked_out'])
    const winner = answers.find((answer) => answer.status === 200)?.body.checkoutRunId
    expect(await holdRow(server(), contested.id)).toMatchObject({ checkoutRunId: winner, lockEpoch: 1 })
    const reportedHolders = answers.filter((answer) => answer.status === 409).map((answer) => answer.body.details.holder.runId)
    expect(new Set(reportedHolders)).toEqual(new Set([winner]))
  })

  test('Of 8 runs of one agent that take over from a dead run on two servers, exactly one succeeds', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: dead, agent } = await heldIssue()
    await expireLease(server(), dead.id)
    const runs = await Promise.all(Array.from({ length: 8 }, () => run(agent)))
    const second = await server().startPeer()
    const answers = await race(runs, (each, index) =>
      (index % 2 === 0 ? server() : second)
        .bearer(each.token)
        .post(`/api/issues/${issue.id}/checkout`, { agentId: agent.id, expectedStatuses: ['todo'] }),
    )
    await second.stop()
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 7 })
    expect((await auditsOf(server(), issue.id)).filter((row) => row.action === 'issue.checked_out')).toHaveLength(2)
  })

  test('Eight concurrent checkouts by the same run take the issue once', async () => {
    const { agent, run, issue, checkout } = await world(server())
    const asking = await run(await agent())
    const wanted = await issue()
    const answers = await race(Array.from({ length: 8 }), () => checkout(asking, wanted.id))
    expect(countByStatus(answers)).toEqual({ 200: 8 })
    expect(await actionsOf(server(), wanted.id)).toEqual(['issue.created', 'issue.checked_out'])
  })
})
