import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { auditsOf, expectRefused, runRow, wakesOf } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const remove = (issueId: string) => server().board.del(`/api/issues/${issueId}`)

describe('DELETE /issues/:id', () => {
  test('A deletion removes the rows of the issue, keeps its audit rows, and detaches children and blocked issues', async () => {
    const here = await world(server())
    const { issue, run, agent } = await here.held()
    const child = await here.issue({ parentId: issue.id })
    const blocked = await here.issue({ blockedByIssueIds: [issue.id] })
    const { rows: labels } = await server().database.sql.query(
      `insert into labels (company_id, name, color) values ($1, 'red', '#ff0000') returning id`,
      [here.company.id],
    )
    await server().board.patch(`/api/issues/${issue.id}`, { labelIds: [labels[0].id], comment: 'Hello' })
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Waiting' })
    expect(await wakesOf(server(), issue.id)).not.toEqual([])
    const history = await auditsOf(server(), issue.id)
    const answer = await remove(issue.id)
    expect(answer).toMatchObject({ status: 200, body: { id: issue.id, identifier: issue.identifier, checkoutRunId: run.id } })

    const audits = await auditsOf(server(), issue.id)
    expect(audits.slice(0, history.length)).toEqual(history)
    expect(audits.at(-1)).toMatchObject({
      action: 'issue.deleted',
      details: { identifier: issue.identifier, status: 'in_progress', checkoutRunId: run.id, executionRunId: run.id },
    })
    expect((await server().board.get(`/api/issues/${child.id}`)).body).toMatchObject({ parentId: null })
    expect((await server().board.get(`/api/issues/${blocked.id}`)).body).toMatchObject({ blockedBy: [] })
    expect(await runRow(server(), run.id)).toMatchObject({ status: 'running' })
    expect((await run.client.post(`/api/heartbeat-runs/${run.id}/heartbeat`)).body).toMatchObject({ holds: [], revoked: [] })
    await expectRefused(server(), () => remove(issue.id), 404, 'not_found')
    expect((await server().board.get(`/api/companies/${here.company.id}/activity?entityId=${issue.id}`)).body).toHaveLength(audits.length)
    expect(agent.id).not.toBe('')
  })

  test('A deletion also removes an issue with evictions, and cancels a run that was queued for the issue', async () => {
    const { held: heldIssue, agent, issue } = await world(server())
    const { issue: lost } = await heldIssue()
    await server().board.post(`/api/issues/${lost.id}/admin/force-release`)
    expect((await remove(lost.id)).status).toBe(200)
    const assignedIssue = await issue({ assigneeAgentId: (await agent()).id })
    const [wake] = await wakesOf(server(), assignedIssue.id)
    await remove(assignedIssue.id)
    expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'cancelled', errorCode: 'issue_deleted' })
    expect((await lastAudit(server(), wake?.runId ?? '', 'heartbeat.run_finished')).details).toMatchObject({ previousStatus: 'queued' })
  })

  test('The holder deletes an issue with another queued run, in either order of their ids', async () => {
    const { agent, run, issue, checkout } = await world(server())
    const assignee = await agent()
    const acting = await run(assignee)
    for (const start of ['00000000-0000-4000-8000-', 'ffffffff-ffff-4fff-bfff-']) {
      const assignedIssue = await issue({ assigneeAgentId: assignee.id })
      await server().database.sql.query("update heartbeat_runs set id = $2 where issue_id = $1 and status = 'queued'", [
        assignedIssue.id,
        start + randomUUID().slice(24),
      ])
      await checkout(acting, assignedIssue.id)
      const answer = await acting.client.del(`/api/issues/${assignedIssue.id}`)
      expect(answer.status, answer.text).toBe(200)
    }
  })

  test('Of six concurrent deletions one succeeds, and a concurrent checkout and comment leave no orphaned row', async () => {
    const { agent, run, issue, checkout } = await world(server())
    const acting = await run(await agent())
    const racedIssue = await issue()
    const answers = await race([0, 1, 2, 3, 4, 5, 6, 7] as const, (at) => {
      if (at === 3) return checkout(acting, racedIssue.id)
      return at === 5 ? server().board.post(`/api/issues/${racedIssue.id}/comments`, { body: 'Hi' }) : remove(racedIssue.id)
    })
    const deletions = answers.filter((_, at) => at !== 3 && at !== 5)
    expect(countByStatus(deletions)).toEqual({ 200: 1, 404: 5 })
    for (const at of [3, 5]) expect([200, 201, 404]).toContain(answers[at]?.status)
    const { rows } = await server().database.sql.query(
      `select (select count(*) from issue_comments where issue_id = $1) + (select count(*) from wakes where issue_id = $1)
         + (select count(*) from issue_lock_evictions where issue_id = $1) as orphaned`,
      [racedIssue.id],
    )
    expect(rows).toEqual([{ orphaned: 0 }])
  })

  test('Concurrent deletions of a parent and its children do not deadlock', async () => {
    const { issue } = await world(server())
    for (let round = 0; round < 4; round += 1) {
      const parent = await issue()
      const children = [await issue({ parentId: parent.id }), await issue({ parentId: parent.id }), await issue({ parentId: parent.id })]
      const answers = await race([children[0], parent, children[1], children[2]], (each) => remove(each?.id ?? ''))
      expect(countByStatus(answers)).toEqual({ 200: 4 })
    }
  })
})
