import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { race } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const me = 'local-board'

describe('the inbox of a person', () => {
  test('Marking as read, again, and as unread is recorded each time, but not when no mark exists', async () => {
    const { issue, company, agent } = await world(server())
    const { id } = await issue()
    const writer = await agent()
    await writer.client.post(`/api/issues/${id}/comments`, { body: 'news' })
    const unread = async () =>
      (await server().board.get(`/api/companies/${company.id}/issues?unreadForUserId=me`)).body.map((row: { id: string }) => row.id)
    expect(await unread()).toEqual([id])
    const first = await server().board.post(`/api/issues/${id}/read`)
    expect(first).toMatchObject({ status: 200, body: { issueId: id, companyId: company.id, userId: me } })
    expect(await unread()).toEqual([])
    const again = await server().board.post(`/api/issues/${id}/read`)
    expect(again.body.id).toBe(first.body.id)
    expect(again.body.lastReadAt >= first.body.lastReadAt).toBe(true)
    expect((await lastAudit(server(), id, 'issue.read_marked')).details).toEqual({ userId: me, lastReadAt: again.body.lastReadAt })
    expect(await server().board.del(`/api/issues/${id}/read`)).toMatchObject({ status: 200, body: { id, removed: true } })
    const before = await auditCount(server())
    expect(await server().board.del(`/api/issues/${id}/read`)).toMatchObject({ status: 200, body: { id, removed: false } })
    expect(await auditCount(server())).toBe(before)
  })

  test('An archived issue returns to the inbox with its next activity', async () => {
    const { issue, company } = await world(server())
    const { id } = await issue()
    const inbox = async () =>
      (await server().board.get(`/api/companies/${company.id}/issues?inboxArchivedByUserId=me`)).body.map((row: { id: string }) => row.id)
    const archived = await server().board.post(`/api/issues/${id}/inbox-archive`)
    expect(archived).toMatchObject({ status: 200, body: { issueId: id, userId: me } })
    expect((await lastAudit(server(), id, 'issue.inbox_archived')).details).toMatchObject({ userId: me })
    expect(await inbox()).toEqual([])
    await server().board.patch(`/api/issues/${id}`, { title: 'News' })
    expect(await inbox()).toEqual([id])
    expect(await server().board.del(`/api/issues/${id}/inbox-archive`)).toMatchObject({ status: 200, body: { id: archived.body.id } })
    expect(await server().board.del(`/api/issues/${id}/inbox-archive`)).toMatchObject({ status: 200, body: { ok: true } })
    expect(await actionsOf(server(), id)).toEqual(['issue.created', 'issue.inbox_archived', 'issue.updated', 'issue.inbox_unarchived'])
  })

  test('Of concurrent requests that remove the same mark, one reports the removal', async () => {
    const { issue } = await world(server())
    const { id } = await issue()
    await server().board.post(`/api/issues/${id}/read`)
    const answers = await race([0, 1, 2, 3, 4, 5], () => server().board.del(`/api/issues/${id}/read`))
    expect(answers.filter((answer) => answer.body.removed === true)).toHaveLength(1)
    expect((await actionsOf(server(), id)).filter((action) => action === 'issue.read_unmarked')).toHaveLength(1)
  })

  test('Agents get 403, and marks of a missing issue give 404', async () => {
    const { issue, agent } = await world(server())
    const { id } = await issue()
    const worker = await agent()
    const before = await auditCount(server())
    for (const mark of ['read', 'inbox-archive']) {
      expect((await worker.client.post(`/api/issues/${id}/${mark}`)).body).toMatchObject({ code: 'board_required' })
      expect((await worker.client.del(`/api/issues/${id}/${mark}`)).body).toMatchObject({ code: 'board_required' })
      expect((await server().board.post(`/api/issues/${randomUUID()}/${mark}`)).status).toBe(404)
      expect((await server().board.del(`/api/issues/${randomUUID()}/${mark}`)).status).toBe(404)
    }
    expect(await auditCount(server())).toBe(before)
  })
})
