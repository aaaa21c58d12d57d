import { expect, test } from 'vitest'
import { keyClientForRun, runRow, wakesOf } from '../../dev/testing/holds.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

test('A comment of the board on an approval wakes its requester for the linked issue, and another agent’s comment wakes none (K55)', async () => {
  const here = await world(server())
  const [agent, peer] = [await here.agent(), await here.agent()]
  const issue = await here.issue({ status: 'backlog', assigneeAgentId: agent.id })
  const request = { type: 'request_board_approval', issueIds: [issue.id], payload: { title: 'Spend', summary: 'x' } }
  const run = await here.run(agent)
  const { body: approval } = await keyClientForRun(agent, run).post(`/api/companies/${here.company.id}/approvals`, request)
  const comments = `/api/approvals/${approval.id}/comments`
  expect((await peer.client.post(comments, { body: 'I agree' })).status).toBe(201)
  expect(await wakesOf(server(), issue.id)).toEqual([])
  const { body: comment } = await server().board.post(comments, { body: 'Why so much?' })
  const [wake] = await wakesOf(server(), issue.id)
  expect(wake).toMatchObject({ agentId: agent.id, status: 'queued', reason: 'approval_commented' })
  expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'queued' })
  const { rows } = await server().database.sql.query('select payload from wakes where issue_id = $1', [issue.id])
  expect(rows).toMatchObject([{ payload: { approvalId: approval.id, approvalStatus: 'pending', approvalCommentId: comment.id } }])
  expect(await lastAudit(server(), approval.id, 'approval.requester_wakeup_queued')).toMatchObject({
    details: { reason: 'approval_commented' },
  })
})

test('A comment on an approval that a person requested, or a paused agent, wakes none and is kept', async () => {
  const here = await world(server())
  const agent = await here.agent()
  const request = { type: 'request_board_approval', payload: { title: 'Spend', summary: 'x' } }
  const approvals = `/api/companies/${here.company.id}/approvals`
  const byPerson = (await server().board.post(approvals, request)).body.id as string
  const byAgent = (await agent.client.post(approvals, request)).body.id as string
  await server().board.post(`/api/agents/${agent.id}/pause`)
  const before = await auditCount(server())
  expect((await server().board.post(`/api/approvals/${byPerson}/comments`, { body: 'Note' })).status).toBe(201)
  expect(await auditCount(server())).toBe(before + 1)
  expect((await server().board.post(`/api/approvals/${byAgent}/comments`, { body: 'Note' })).status).toBe(201)
  expect(await lastAudit(server(), byAgent, 'approval.requester_wakeup_failed')).toMatchObject({ details: { why: 'agent_not_invokable' } })
})
