import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createTestServer } from 'paperclip-server/testing'
import { workOnce } from '../agent.js'

let server
before(async () => {
  server = await createTestServer()
})
after(() => server.close())

/** An agent in a company of its own, with one issue to do. */
async function stage() {
  const company = await server.company()
  const agent = await server.agent({ company })
  const issue = await server.issue({ company })
  return { company, agent, issue, settings: { url: server.url, companyId: company.id, agentId: agent.id, key: agent.key } }
}

const statusOf = async ({ id }) => (await server.board.get(`/api/issues/${id}`)).body.status
const commentsOf = async ({ id }) => (await server.board.get(`/api/issues/${id}/comments`)).body.map(({ body }) => body)

test('The agent solves an issue, and the record says so', async () => {
  const { agent, issue, settings } = await stage()
  const outcome = await workOnce(settings, async () => {
    await server.assertHeldBy(issue, agent)
    return 'It is done.'
  })
  assert.equal(outcome, 'solved')
  assert.equal(await statusOf(issue), 'done')
  await server.assertAudit(issue, 'issue.checked_out', { agentId: agent.id })
  await server.assertNoOrphanHolds()
  assert.equal(await workOnce(settings, () => 'nothing'), 'idle')
})

test('The agent goes on when the server dies in the middle of its work', async () => {
  const { issue, settings } = await stage()
  const outcome = await workOnce(settings, async () => {
    await server.kill()
    return 'It is done.'
  })
  assert.equal(outcome, 'solved')
  assert.deepEqual(await commentsOf(issue), ['It is done.'])
})

test('The agent comments once when the server dies after the comment was written and before it was answered', async () => {
  const { issue, settings } = await stage()
  const crash = await server.crashBetween('commit', 'answer', { of: 'POST /api/issues/:id/comments' })
  assert.equal(await workOnce(settings, () => 'It is done.'), 'solved')
  await crash.happened
  assert.deepEqual(await commentsOf(issue), ['It is done.'])
})

test('The agent leaves an issue alone when its lease is over, and another run takes it', async () => {
  const { agent, issue, settings } = await stage()
  const outcome = await workOnce(settings, async () => {
    await server.clock.advance(10 * 60_000)
    await server.assertHeldBy(issue, null)
    return 'Too late.'
  })
  assert.equal(outcome, 'lost')
  assert.deepEqual(await commentsOf(issue), [])
  const run = await server.run({ agent })
  assert.equal((await server.as(run).post(`/api/issues/${issue.id}/checkout`, { agentId: agent.id, expectedStatuses: ['todo', 'in_progress'] })).status, 200)
})
