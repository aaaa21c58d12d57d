import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { auditsOf, NO_HOLD, holdRow, expectRefused, runRow, expectUnchanged, wakesOf } from '../../dev/testing/holds.ts'
import { race } from '../../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const archive = (companyId: string) => server().board.post(`/api/companies/${companyId}/archive`)
const remove = (companyId: string) => server().board.del(`/api/companies/${companyId}`)

const unended = async (companyId: string) =>
  (
    await server().database.sql.query("select id from heartbeat_runs where company_id = $1 and status in ('queued', 'running')", [
      companyId,
    ])
  ).rows

describe('archiveCompany', () => {
  test('Archiving a company ends every run, frees their issues and queues no run', async () => {
    const here = await world(server())
    const [first, second] = [await here.held(), await here.held()]
    await here.issue({ assigneeAgentId: (await here.agent()).id })
    await server().board.post(`/api/issues/${first.issue.id}/comments`, { body: 'Waiting' })
    const answer = await archive(here.company.id)
    expect(answer).toMatchObject({ status: 200, body: { id: here.company.id, status: 'archived' } })
    for (const { issue, run } of [first, second]) {
      expect(await holdRow(server(), issue.id)).toMatchObject({ ...NO_HOLD, lockEpoch: 2 })
      expect(await runRow(server(), run.id)).toMatchObject({ status: 'cancelled', errorCode: 'company_archived' })
    }
    expect(await unended(here.company.id)).toEqual([])
    const [wake] = await wakesOf(server(), first.issue.id)
    expect(wake).toMatchObject({ status: 'skipped', closeReason: 'company_not_active' })
    expect((await lastAudit(server(), here.company.id, 'company.archived')).details['endedRunIds']).toHaveLength(3)
    await expectUnchanged(server(), () => archive(here.company.id))
  })

  test('In an archived company no run, checkout, issue or wake starts', async () => {
    const here = await world(server())
    const who = await here.agent()
    const open = await here.issue()
    await archive(here.company.id)
    await expectRefused(server(), () => who.client.post(`/api/agents/${who.id}/runs`), 409, 'company_not_active')
    const body = { agentId: who.id, expectedStatuses: ['todo'] }
    await expectRefused(server(), () => server().board.post(`/api/issues/${open.id}/checkout`, body), 409, 'company_not_active')
    const create = () => server().board.post(`/api/companies/${here.company.id}/issues`, { title: 'Late' })
    await expectRefused(server(), create, 409, 'company_not_active')
    await server().board.patch(`/api/issues/${open.id}`, { assigneeAgentId: who.id })
    expect(await wakesOf(server(), open.id)).toEqual([])
    expect(await unended(here.company.id)).toEqual([])
  })

  test('Openings and checkouts that race the archiving leave no live run and no hold', async () => {
    const here = await world(server())
    const who = await here.agent()
    const runs = [await here.run(who), await here.run(who)]
    const issues = [await here.issue(), await here.issue()]
    await race([0, 1, 2, 3, 4] as const, (at) => {
      const taking = runs[at]
      if (taking !== undefined) return here.checkout(taking, issues[at]?.id ?? '')
      return at === 3 ? archive(here.company.id) : who.client.post(`/api/agents/${who.id}/runs`)
    })
    expect(await unended(here.company.id)).toEqual([])
    for (const issue of issues) expect(await holdRow(server(), issue.id)).toMatchObject(NO_HOLD)
  })
})

describe('deleteCompany', () => {
  test('Deleting a company deletes everything in it except the audit rows, which gain those of the deletion', async () => {
    const here = await world(server())
    const other = await world(server())
    const { issue, run } = await here.held()
    await here.issue({ parentId: issue.id, blockedByIssueIds: [issue.id], assigneeAgentId: (await here.agent()).id })
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Hello' })
    const [count, history] = [await auditCount(server()), await auditsOf(server(), issue.id)]
    expect(await remove(here.company.id)).toMatchObject({ status: 200, body: { ok: true } })
    expect((await auditsOf(server(), issue.id)).slice(0, history.length)).toEqual(history)
    expect(await auditCount(server())).toBeGreaterThan(count)
    expect((await lastAudit(server(), here.company.id, 'company.deleted')).details).toMatchObject({
      name: 'Acme Works',
      agents: 2,
      issues: 2,
      runs: 1,
    })
    const { rows } = await server().database.sql.query(
      `select (select count(*) from agents where company_id = $1) + (select count(*) from issues where company_id = $1)
         + (select count(*) from heartbeat_runs where company_id = $1) + (select count(*) from wakes where company_id = $1) as left`,
      [here.company.id],
    )
    expect(rows).toEqual([{ left: 0 }])
    const { rows: promised } = await server().database.sql.query(
      "select count(*)::int as n from activity_log where company_id = $1 and action = 'wake.promoted'",
      [here.company.id],
    )
    expect(promised).toEqual([{ n: 0 }])
    await expectRefused(server(), () => run.client.get('/api/agents/me'), 401, 'unauthorized')
    await expectRefused(server(), () => remove(here.company.id), 404, 'not_found')
    expect((await other.held()).issue.id).not.toBe('')
  })

  test('Archiving and deleting a company are refused to agents', async () => {
    const here = await world(server())
    const ceo = await here.agent({ role: 'ceo' })
    await expectRefused(server(), () => ceo.client.post(`/api/companies/${here.company.id}/archive`), 403, 'board_required')
    await expectRefused(server(), () => ceo.client.del(`/api/companies/${here.company.id}`), 403, 'board_required')
    await expectRefused(server(), () => archive(randomUUID()), 404, 'not_found')
  })
})
