import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

async function setup() {
  const base = await world(server())
  const labels = `/api/companies/${base.company.id}/labels`
  return { ...base, labels }
}

describe('labels', () => {
  test('The board and agents create labels, and the list is ordered by name', async () => {
    const { labels, agent, run } = await setup()
    const creator = await run(await agent())
    const created = await creator.client.post(labels, { name: 'zeta', color: '#00ff00' })
    expect(created).toMatchObject({ status: 201, body: { name: 'zeta', color: '#00ff00' } })
    expect(await lastAudit(server(), created.body.id, 'label.created')).toMatchObject({ runId: creator.id, details: { name: 'zeta' } })
    await server().board.post(labels, { name: 'alpha', color: '#ff0000' })
    expect((await server().board.get(labels)).body.map((label: { name: string }) => label.name)).toEqual(['alpha', 'zeta'])
  })

  test('Of four concurrent labels whose names differ only in case, one is created', async () => {
    const { labels } = await setup()
    const answers = await race(['bug', 'BUG', 'Bug', 'bUg'], (name) => server().board.post(labels, { name, color: '#123456' }))
    expect(countByStatus(answers)).toEqual({ 201: 1, 409: 3 })
    expect(answers.find((answer) => answer.status === 409)?.body).toMatchObject({ code: 'name_taken' })
  })

  test('Labels whose names look the same are one: hidden characters and full-width letters make no second (K23)', async () => {
    const { labels } = await setup()
    const answers = await race(['bug', 'b\u200bug', 'ｂｕｇ', 'Bug\ufe0f'], (name) =>
      server().board.post(labels, { name, color: '#123456' }),
    )
    expect(countByStatus(answers)).toEqual({ 201: 1, 409: 3 })
    expect((await server().board.post(labels, { name: '\u2060', color: '#123456' })).status).toBe(400)
    expect((await server().board.post(labels, { name: 'büg', color: '#123456' })).status).toBe(201)
  })

  test('A malformed name or colour is refused, and nothing is recorded', async () => {
    const { labels } = await setup()
    const before = await auditCount(server())
    for (const body of [{ name: '', color: '#123456' }, { name: 'x'.repeat(49), color: '#123456' }, { name: 'x', color: 'red' }, {}]) {
      expect(await server().board.post(labels, body)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    }
    expect(await auditCount(server())).toBe(before)
  })

  test('Deleting a label removes it from every issue, but an agent cannot remove it from an issue that another run holds', async () => {
    const { labels, held: heldIssue, run, agent } = await setup()
    const label = (await server().board.post(labels, { name: 'bug', color: '#123456' })).body
    const { issue } = await heldIssue()
    await server().board.patch(`/api/issues/${issue.id}`, { labelIds: [label.id] })
    const tag = (await server().board.get(`/api/issues/${issue.id}`)).headers['etag'] ?? ''
    const stranger = await run(await agent())
    expect(await stranger.client.del(`/api/labels/${label.id}`)).toMatchObject({ status: 409, body: { code: 'checked_out_by_other' } })
    expect(await server().board.del(`/api/labels/${label.id}`)).toMatchObject({ status: 200, body: { id: label.id, name: 'bug' } })
    expect((await lastAudit(server(), label.id, 'label.deleted')).details).toEqual({ name: 'bug', color: '#123456', issues: 1 })
    expect((await server().board.get(`/api/issues/${issue.id}`)).body.labels).toEqual([])
    expect((await server().board.patch(`/api/issues/${issue.id}`, { title: 'x' }, { 'If-Match': tag })).status).toBe(412)
    expect(await server().board.del(`/api/labels/${label.id}`)).toMatchObject({ status: 404, body: { error: 'Label not found' } })
  })

  test('A label of another company gives the same 404 as a missing label', async () => {
    const { labels } = await setup()
    const elsewhere = await setup()
    const outsider = await elsewhere.run(await elsewhere.agent())
    const label = (await server().board.post(labels, { name: 'bug', color: '#123456' })).body
    const answers = [await outsider.client.del(`/api/labels/${label.id}`), await outsider.client.del(`/api/labels/${randomUUID()}`)]
    expect(answers.map(({ status, body }) => [status, body.error])).toEqual(Array(2).fill([404, 'Label not found']))
    expect((await outsider.client.get(labels)).status).toBe(404)
  })
})
