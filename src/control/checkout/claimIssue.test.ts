import { describe, expect, test } from 'vitest'
import { auditsOf, NO_HOLD, holdRow, keyClientForRun, plantColumns, expectRefused, expectUnchanged } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { auditCount, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestRun, World } from '../../dev/testing/world.ts'

const server = useServer()

const claim = (here: World, who: TestRun, filter?: Record<string, unknown>) =>
  who.client.post(`/api/companies/${here.company.id}/issues/claim`, filter)

/** The ids of the issues that a run claims one after the other, until nothing is left. */
async function claimAll(here: World, who: TestRun, filter?: Record<string, unknown>): Promise<string[]> {
  const ids: string[] = []
  for (;;) {
    const { status, body } = await claim(here, who, filter)
    if (status === 204) return ids
    expect(status).toBe(200)
    ids.push(body.issue.id)
  }
}

describe('claim', () => {
  test('A claim takes the issue as a checkout does and returns the context that the agent needs to start', async () => {
    const here = await world(server())
    const who = await here.agent()
    const acting = await here.run(who)
    const parent = await here.issue({ status: 'backlog', title: 'Parent' })
    const open = await here.issue({ parentId: parent.id })
    const { status, body } = await claim(here, acting)
    expect(status).toBe(200)
    expect(body.issue).toMatchObject({
      id: open.id,
      status: 'in_progress',
      assigneeAgentId: who.id,
      checkoutRunId: acting.id,
      lockEpoch: 1,
    })
    expect(body.heartbeatContext).toMatchObject({
      issue: { id: open.id, status: 'in_progress', lockEpoch: 1 },
      ancestors: [{ id: parent.id }],
      commentCursor: { totalComments: 0 },
    })
    const row = await lastAudit(server(), open.id, 'issue.checked_out')
    expect(row).toMatchObject({ runId: acting.id, details: { agentId: who.id, runId: acting.id, lockEpoch: 1 } })
    expect((await auditsOf(server(), open.id)).map((each) => each.action)).toEqual(['issue.created', 'issue.checked_out'])
  })

  test('A claim with nothing to take is 204 and leaves no audit row', async () => {
    const here = await world(server())
    const acting = await here.run(await here.agent())
    const before = await auditCount(server())
    const answer = await claim(here, acting)
    expect(await auditCount(server())).toBe(before)
    expect(answer).toMatchObject({ status: 204, text: '' })
  })

  test('A claim takes the agent’s own assignments first, then the highest priority, then the oldest issue', async () => {
    const here = await world(server())
    const who = await here.agent()
    const acting = await here.run(who)
    const oldLow = await here.issue({ priority: 'low' })
    const oldHigh = await here.issue({ priority: 'high' })
    const newHigh = await here.issue({ priority: 'high' })
    const critical = await here.issue({ priority: 'critical' })
    const ownLow = await here.issue({ priority: 'low', assigneeAgentId: who.id })
    const ownMedium = await here.issue({ priority: 'medium', assigneeAgentId: who.id })
    const order = [ownMedium, ownLow, critical, oldHigh, newHigh, oldLow].map((each) => each.id)
    expect(await claimAll(here, acting)).toEqual(order)
  })

  test('A claim filters by status, project, label and assignment', async () => {
    const here = await world(server())
    const who = await here.agent()
    const acting = await here.run(who)
    const { rows: projects } = await server().database.sql.query(
      `insert into projects (company_id, name, url_key, status) values ($1, 'P', 'p', 'planned') returning id`,
      [here.company.id],
    )
    const { rows: labels } = await server().database.sql.query(
      `insert into labels (company_id, name, color) values ($1, 'red', '#ff0000'), ($1, 'blue', '#0000ff') returning id`,
      [here.company.id],
    )
    const plain = await here.issue()
    const inProject = await here.issue({ projectId: projects[0].id })
    const red = await here.issue({ labelIds: [labels[0].id] })
    const both = await here.issue({ labelIds: [labels[0].id, labels[1].id] })
    const own = await here.issue({ assigneeAgentId: who.id })
    const later = await here.issue({ status: 'backlog' })
    const review = await here.issue({ status: 'in_review' })
    expect(await claimAll(here, acting, { projectId: projects[0].id })).toEqual([inProject.id])
    expect(await claimAll(here, acting, { labelIds: [labels[1].id] })).toEqual([both.id])
    expect(await claimAll(here, acting, { labelIds: labels.map((label) => label.id) })).toEqual([red.id])
    expect(await claimAll(here, acting, { assignedOnly: true })).toEqual([own.id])
    expect(await claimAll(here, acting, { statuses: ['in_review', 'backlog'] })).toEqual([later.id, review.id])
    expect(await claimAll(here, acting)).toEqual([plain.id])
  })

  test('A claim leaves out issues that checkout would refuse: blocked, paused, evicted, hidden, held or assigned to another agent or person', async () => {
    const here = await world(server())
    const who = await here.agent()
    const acting = await here.run(who)
    const blocker = await here.issue({ status: 'backlog' })
    await here.issue({ blockedByIssueIds: [blocker.id], assigneeAgentId: who.id })
    await here.issue({ blockedByIssueIds: [blocker.id] })
    const { rows: projects } = await server().database.sql.query(
      `insert into projects (company_id, name, url_key, status, paused_at) values ($1, 'P', 'p', 'planned', now()) returning id`,
      [here.company.id],
    )
    const paused = await here.issue()
    await server().database.sql.query('update issues set project_id = $2 where id = $1', [paused.id, projects[0].id])
    const lost = await here.issue()
    await here.checkout(acting, lost.id)
    await server().board.post(`/api/issues/${lost.id}/admin/force-release?clearAssignee=true`)
    const hidden = await here.issue()
    await server().board.patch(`/api/issues/${hidden.id}`, { hiddenAt: '2026-01-01T00:00:00.000Z' })
    await here.held()
    await here.issue({ assigneeAgentId: (await here.agent()).id })
    await here.issue({ assigneeUserId: 'local-board' })
    const heldOpen = await here.issue()
    await plantColumns(server(), heldOpen.id, { executionRunId: (await here.run(await here.agent())).id })
    expect((await claim(here, acting)).status).toBe(204)
    expect(await holdRow(server(), lost.id)).toMatchObject(NO_HOLD)
    // A new run was not evicted, so it can claim the issue from the same pool.
    expect((await claim(here, await here.run(who))).body.issue).toMatchObject({ id: lost.id })
  })

  test('A claim resumes an issue that a dead run of the agent left in progress, and no issue that a live run holds', async () => {
    const here = await world(server())
    const { issue, run: first, agent } = await here.held()
    const second = await here.run(agent)
    expect((await claim(here, second)).status).toBe(204)
    await expireLease(server(), first.id)
    expect((await claim(here, second)).body.issue).toMatchObject({ id: issue.id, checkoutRunId: second.id, lockEpoch: 2 })
    expect((await lastAudit(server(), issue.id, 'issue.checked_out')).details).toMatchObject({ previousCheckoutRunId: first.id })
  })

  test('A claim needs an agent in a live run, also when there is nothing to take', async () => {
    const here = await world(server())
    const who = await here.agent()
    const lapsed = await here.run(who)
    const path = `/api/companies/${here.company.id}/issues/claim`
    await expectRefused(server(), () => who.client.post(path), 401, 'run_required')
    await expectRefused(server(), () => server().board.post(path), 401, 'agent_required')
    await expireLease(server(), lapsed.id)
    await expectRefused(server(), () => keyClientForRun(who, lapsed).post(path), 409, 'run_ended')
    const foreign = await here.run(await here.agent())
    await expectRefused(server(), () => keyClientForRun(who, foreign).post(path), 422, 'run_unknown')
    await here.issue()
    await expectRefused(server(), () => keyClientForRun(who, lapsed).post(path), 409, 'run_ended')
  })

  test('A claim by an agent over its budget or in an inactive company is refused with that reason instead of 204', async () => {
    const here = await world(server())
    const who = await here.agent({ budgetMonthlyCents: 10 })
    const acting = await here.run(who)
    await here.issue()
    await server().database.sql.query(
      'update budget_windows set spent = 10 * 1000000 where policy_id = (select id from budget_policies where scope_id = $1)',
      [who.id],
    )
    await expectRefused(server(), () => claim(here, acting), 409, 'budget_exhausted')
    await server().database.sql.query(
      'update budget_windows set spent = 0 * 1000000 where policy_id = (select id from budget_policies where scope_id = $1)',
      [who.id],
    )
    await server().database.sql.query("update companies set status = 'paused' where id = $1", [here.company.id])
    await expectRefused(server(), () => claim(here, acting), 409, 'company_not_active')
  })

  test('A claim sees no other company: its pool is 404 and its issues are never picked', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    await elsewhere.issue()
    const acting = await here.run(await here.agent())
    await expectRefused(server(), () => claim(elsewhere, acting), 404, 'not_found')
    expect((await claim(here, acting)).status).toBe(204)
  })

  test('16 concurrent claims over 16 issues on two servers take 16 different issues', async () => {
    const here = await world(server())
    const second = await server().startPeer()
    const issues = await Promise.all(Array.from({ length: 16 }, () => here.issue()))
    const runs = await Promise.all(Array.from({ length: 16 }, async () => here.run(await here.agent())))
    const path = `/api/companies/${here.company.id}/issues/claim`
    const answers = await race(runs, (each, index) => (index % 2 === 0 ? server() : second).bearer(each.token).post(path))
    await second.stop()
    expect(countByStatus(answers)).toEqual({ 200: 16 })
    expect(new Set(answers.map((answer) => answer.body.issue.id))).toEqual(new Set(issues.map((issue) => issue.id)))
    for (const { body } of answers) {
      expect(await holdRow(server(), body.issue.id)).toMatchObject({ checkoutRunId: body.issue.checkoutRunId, lockEpoch: 1 })
    }
  })

  test('Of 8 concurrent claims over 3 issues, three take one issue and five get nothing', async () => {
    const here = await world(server())
    await Promise.all(Array.from({ length: 3 }, () => here.issue()))
    const runs = await Promise.all(Array.from({ length: 8 }, async () => here.run(await here.agent())))
    expect(countByStatus(await race(runs, (each) => claim(here, each)))).toEqual({ 200: 3, 204: 5 })
  })

  test('A checkout by the run that claimed an issue changes nothing', async () => {
    const here = await world(server())
    const acting = await here.run(await here.agent())
    const open = await here.issue()
    await claim(here, acting)
    await expectUnchanged(server(), () => here.checkout(acting, open.id))
  })
})
