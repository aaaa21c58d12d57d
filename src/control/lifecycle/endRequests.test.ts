import { describe, expect, test } from 'vitest'
import { spend } from '../../dev/testing/budgets.ts'
import { race } from '../../dev/testing/race.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const board = () => server().board

describe('A request ends with its subject (K14)', () => {
  test.each([
    ['terminated', (id: string) => board().post(`/api/agents/${id}/terminate`)],
    ['deleted', (id: string) => board().del(`/api/agents/${id}`)],
  ] as const)('The undecided hire of an agent and the proposals to change it are cancelled when it is %s', async (fate, end) => {
    const here = await world(server())
    const ceo = await here.agent({ role: 'ceo' })
    const hire = async (name: string) => (await ceo.client.post(`/api/companies/${here.company.id}/agent-hires`, { name })).body
    const [hired, kept] = [await hire('Gone'), await hire('Kept')]
    const worker = await here.agent()
    const proposal = (await ceo.client.patch(`/api/agents/${worker.id}`, { role: 'cto', adapterConfig: { command: 'x' } })).body
    const ids: string[] = [hired.approval.id, proposal.approval?.id ?? proposal.approvalId ?? proposal.id]
    expect((await end(hired.agent.id)).status).toBe(200)
    expect((await end(worker.id)).status).toBe(200)
    for (const id of ids) {
      const { body } = await board().get(`/api/approvals/${id}`)
      expect(body).toMatchObject({ status: 'cancelled', decisionNote: `The agent that this is about was ${fate}` })
      expect(await board().post(`/api/approvals/${id}/approve`, {})).toMatchObject({ status: 409 })
      expect(await lastAudit(server(), id, 'approval.cancelled')).toMatchObject({ details: { why: `agent_${fate}` } })
    }
    expect((await board().get(`/api/approvals/${kept.approval.id}`)).body.status).toBe('pending')
    expect((await board().get(`/api/companies/${here.company.id}/dashboard`)).body.pendingApprovals).toBe(1)
  })

  test.each([
    ['agent', 'terminated', (id: string) => board().post(`/api/agents/${id}/terminate`)],
    ['agent', 'deleted', (id: string) => board().del(`/api/agents/${id}`)],
    ['project', 'deleted', (id: string) => board().del(`/api/projects/${id}`)],
  ] as const)('The question whether a limit is raised is cancelled when the %s that it is about is %s', async (scopeType, fate, end) => {
    const here = await world(server())
    const C = `/api/companies/${here.company.id}`
    const agent = await here.agent()
    const project = (await board().post(`${C}/projects`, { name: 'Engines' })).body
    const ofCompany = { scopeType: 'company', scopeId: here.company.id, amount: 50 }
    const scopeId = scopeType === 'agent' ? agent.id : project.id
    for (const policy of [ofCompany, { scopeType, scopeId, amount: 50 }])
      expect((await board().post(`${C}/budgets/policies`, policy)).status).toBe(200)
    await spend(server(), { companyId: here.company.id, agentId: agent.id, cents: 60, projectId: project.id })
    const asked = (await board().get(`${C}/approvals?status=pending`)).body as { id: string; payload: { scopeId: string } }[]
    expect(asked.map(({ payload }) => payload.scopeId)).toEqual(expect.arrayContaining([scopeId, here.company.id]))
    expect((await end(scopeId)).status).toBe(200)
    const { id } = asked.find(({ payload }) => payload.scopeId === scopeId) ?? { id: '' }
    expect((await board().get(`/api/approvals/${id}`)).body).toMatchObject({
      status: 'cancelled',
      decisionNote: `The ${scopeType} that this is about was ${fate}`,
    })
    expect(await board().post(`/api/approvals/${id}/approve`, {})).toMatchObject({ status: 409 })
    expect(await lastAudit(server(), id, 'approval.cancelled')).toMatchObject({ details: { why: `${scopeType}_${fate}` } })
    expect((await board().get(`${C}/approvals?status=pending`)).body).toMatchObject([{ payload: { scopeId: here.company.id } }])
  })

  test('Of a decision and a termination at the same time one comes first, and the other follows from it', async () => {
    const here = await world(server())
    const ceo = await here.agent({ role: 'ceo' })
    for (let round = 0; round < 5; round += 1) {
      const { agent, approval } = (await ceo.client.post(`/api/companies/${here.company.id}/agent-hires`, { name: 'Raced' })).body
      const urls = [`/api/approvals/${approval.id}/approve`, `/api/agents/${agent.id}/terminate`]
      const [approved, terminated] = await race(urls, (url) => board().post(url, {}))
      expect(terminated?.status).toBe(200)
      expect([200, 409]).toContain(approved?.status)
      const { status } = (await board().get(`/api/approvals/${approval.id}`)).body
      expect(status).toBe(approved?.status === 200 ? 'approved' : 'cancelled')
      expect((await board().get(`/api/agents/${agent.id}`)).body.status).toBe('terminated')
    }
  })

  test('The pending questions of an issue expire when it is cancelled, and stay when it is done', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const run = await here.run(agent)
    const options = [{ id: 'a', label: 'A' }]
    for (const [status, after] of [
      ['cancelled', 'expired'],
      ['done', 'pending'],
    ] as const) {
      const issue = await here.issue()
      const questions = `/api/issues/${issue.id}/interactions`
      const ask = async (body: object): Promise<string> => {
        const answer = await run.client.post(questions, body)
        expect(answer.status, answer.text).toBe(201)
        return answer.body.id
      }
      const ids = [
        await ask({ kind: 'request_confirmation', payload: { prompt: 'Blue?' } }),
        await ask({ kind: 'suggest_tasks', payload: { tasks: [{ clientKey: 'a', title: 'Next' }] } }),
      ]
      await board().patch(`/api/issues/${issue.id}`, { status })
      const rows = (await board().get(questions)).body as { id: string; status: string }[]
      expect(rows.filter(({ id }) => ids.includes(id)).map((row) => row.status)).toEqual([after, after])
      if (status === 'cancelled') expect((await board().post(`${questions}/${ids[0]}/accept`, {})).status).toBe(409)
      if (status === 'cancelled')
        expect(await lastAudit(server(), issue.id, 'issue.thread_interaction_expired')).toMatchObject({
          details: { why: 'issue_cancelled' },
        })
      // A question that came after the end would wait without end.
      const before = await auditCount(server())
      const asked = { kind: 'ask_user_questions', payload: { questions: [{ id: 'q', prompt: 'Why?', selectionMode: 'single', options }] } }
      for (const client of [run.client, board()])
        expect((await client.post(questions, asked)).status).toBe(status === 'cancelled' ? 422 : 201)
      if (status === 'cancelled') expect(await auditCount(server())).toBe(before)
    }
  })
})
