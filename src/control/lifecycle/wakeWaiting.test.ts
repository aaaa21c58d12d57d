import { expect, test } from 'vitest'
import { wakesOf } from '../../dev/testing/holds.ts'
import { useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

test('A mention of a paused agent on an issue of another is not lost: the resume wakes it for the newest of each issue (K13)', async () => {
  const here = await world(server())
  const [agent, other] = [await here.agent({ name: 'Ann' }), await here.agent({ name: 'Ben' })]
  const [issue, quiet] = [await here.issue({ assigneeAgentId: other.id }), await here.issue({ assigneeAgentId: other.id })]
  const comment = async (issueId: string, body: string): Promise<string> =>
    (await server().board.post(`/api/issues/${issueId}/comments`, { body })).body.id
  const wakesOfAgent = async (issueId: string) => (await wakesOf(server(), issueId)).filter((wake) => wake.agentId === agent.id)
  await server().board.post(`/api/agents/${agent.id}/pause`)
  await comment(issue.id, '@Ann look')
  const newest = await comment(issue.id, `[@who](agent://${agent.id}) and again`)
  await comment(quiet.id, 'mail ann@example.org, and `@Ann`, and @Ben')
  expect(await wakesOfAgent(issue.id)).toEqual([])
  await server().board.post(`/api/agents/${agent.id}/resume`)
  expect(await wakesOfAgent(issue.id)).toMatchObject([{ status: 'queued', reason: 'issue_comment_mentioned' }])
  expect(await wakesOfAgent(quiet.id)).toEqual([])
  const { rows } = await server().database.sql.query('select payload from wakes where issue_id = $1 and agent_id = $2', [
    issue.id,
    agent.id,
  ])
  expect(rows).toMatchObject([{ payload: { issueId: issue.id, commentId: newest } }])
})
