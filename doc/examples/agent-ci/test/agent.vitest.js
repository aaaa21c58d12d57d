import { createTestServer } from 'paperclip-server/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { workOnce } from '../agent.js'

let server
beforeAll(async () => {
  server = await createTestServer()
}, 60_000)
afterAll(() => server.close())

test('The matchers say who holds an issue and what the record has', async () => {
  const agent = await server.agent()
  const issue = await server.issue()
  const settings = { url: server.url, companyId: agent.companyId, agentId: agent.id, key: agent.key }
  await expect(issue).toBeHeldBy(null)
  const outcome = await workOnce(settings, async () => {
    await expect(issue).toBeHeldBy(agent)
    return 'It is done.'
  })
  expect(outcome).toBe('solved')
  await expect(issue).toHaveAudit('issue.comment_added', { agentId: agent.id })
  await expect(issue).not.toBeHeldBy(agent)
})

test('A long task keeps its lease by heartbeats, and loses it when they are lost', async () => {
  const agent = await server.agent()
  const issue = await server.issue()
  const settings = { url: server.url, companyId: agent.companyId, agentId: agent.id, key: agent.key }
  const outcome = await workOnce(settings, async (_, stillMine) => {
    const work = async (minutes) => {
      for (let minute = 0; minute < minutes; minute += 1) {
        await server.clock.advance(60_000)
        await stillMine()
      }
    }
    await work(20)
    await expect(issue).toBeHeldBy(agent)
    const { body } = await server.board.get(`/api/issues/${issue.id}`)
    const heartbeats = await server.dropHeartbeats(body.checkoutRunId)
    await work(6)
    expect(await heartbeats.stop()).toBe(6)
    await stillMine()
    return 'never said'
  })
  expect(outcome).toBe('lost')
  await server.assertNoOrphanHolds()
})
