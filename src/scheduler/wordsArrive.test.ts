import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { holdRow, runRow, waitUntil, wakesOf } from '../dev/testing/holds.ts'
import { createOutputFile, createProcessAgent, useRunner } from '../dev/testing/runner.ts'
import { newWords } from '../work/issues/index.ts'
import { useServer, world } from '../dev/testing/world.ts'
import type { World } from '../dev/testing/world.ts'

const server = useServer()
const board = () => server().board
const comment = async (issueId: string, body: string): Promise<string> =>
  (await board().post(`/api/issues/${issueId}/comments`, { body })).body.id as string

interface WakeSeen {
  readonly reason: string
  readonly payload: { readonly joined?: readonly Record<string, unknown>[] } & Record<string, unknown>
  readonly newWords: { readonly items: readonly { text: string | null; kind: string; status: string | null }[] }
}

/** A process agent that writes down the variables of each of its runs, and then waits for `go`. */
async function recordingAgent(here: World) {
  const [seen, go] = [createOutputFile(), createOutputFile()]
  const script = `const fs = require('node:fs')
    const names = Object.keys(process.env).filter((name) => name.startsWith('PAPERCLIP_') && name !== 'PAPERCLIP_API_KEY')
    fs.appendFileSync(process.env.SEEN, JSON.stringify(Object.fromEntries(names.map((name) => [name, process.env[name]]))) + '\\n')
    const wait = () => { if (fs.existsSync(process.env.GO)) process.exit(0); setTimeout(wait, 20) }
    wait()`
  const agent = await createProcessAgent(here, script, { env: { SEEN: seen.file, GO: go.file } })
  const runs = (): Record<string, string>[] => seen.lines().map((line) => JSON.parse(line) as Record<string, string>)
  const start = async (count: number) => {
    await waitUntil(`run ${count} has started`, async () => Promise.resolve(runs().length >= count))
    const variables = runs()[count - 1] ?? {}
    return { variables, wake: JSON.parse(variables['PAPERCLIP_WAKE_PAYLOAD_JSON'] ?? 'null') as WakeSeen }
  }
  const letGo = async (): Promise<void> => (await import('node:fs/promises')).writeFile(go.file, 'go')
  return { agent, start, letGo }
}

const textsOf = (wake: WakeSeen): (string | null)[] => wake.newWords.items.map((word) => word.text)

describe('What a person said arrives', () => {
  test('All that was said during a run is in the wake of the run that follows it, in order, the newest decisive (K7)', async () => {
    const here = await world(server())
    useRunner(server())
    const { agent, start, letGo } = await recordingAgent(here)
    const issue = await here.issue({ assigneeAgentId: agent.id })
    await start(1)
    const ids: string[] = []
    for (const text of ['First', 'Second', 'Third']) ids.push(await comment(issue.id, text))
    await board().post(`/api/agents/${agent.id}/wakeup`, { reason: 'look', payload: { issueId: issue.id, note: 'in blue' } })
    await letGo()
    const { variables, wake } = await start(2)
    expect(textsOf(wake)).toEqual(['First', 'Second', 'Third'])
    expect(wake.payload).toMatchObject({ note: 'in blue', issueId: issue.id })
    expect(wake.payload.joined?.map((joined) => joined['commentId'])).toEqual(ids)
    expect(variables).toMatchObject({ PAPERCLIP_WAKE_REASON: 'look', PAPERCLIP_WAKE_COMMENT_ID: ids[2], PAPERCLIP_TASK_ID: issue.id })
  })

  test('A decision wakes the requester for the linked issue, with the note and the variables of the wake (K15, K18, K28)', async () => {
    const here = await world(server())
    const { agent, start, letGo } = await recordingAgent(here)
    await letGo()
    const [closed, issue] = [
      await here.issue({ status: 'done', assigneeAgentId: agent.id }),
      await here.issue({ status: 'backlog', assigneeAgentId: agent.id }),
    ]
    const payload = { title: 'Spend', summary: 'x' }
    const { body: approval } = await agent.client.post(`/api/companies/${here.company.id}/approvals`, {
      type: 'request_board_approval',
      issueIds: [closed.id, issue.id],
      payload,
    })
    await board().patch(`/api/issues/${issue.id}`, { status: 'todo' })
    useRunner(server())
    await start(1)
    await waitUntil('the first run has ended', async () => (await wakesOf(server(), issue.id)).every((wake) => wake.status === 'completed'))
    await board().post(`/api/approvals/${approval.id}/reject`, { decisionNote: 'not the blue one' })
    const { variables, wake } = await start(2)
    expect(variables).toMatchObject({
      PAPERCLIP_TASK_ID: issue.id,
      PAPERCLIP_WAKE_REASON: 'approval_rejected',
      PAPERCLIP_APPROVAL_ID: approval.id,
      PAPERCLIP_APPROVAL_STATUS: 'rejected',
    })
    expect(variables['PAPERCLIP_LINKED_ISSUE_IDS']?.split(',').toSorted()).toEqual([closed.id, issue.id].toSorted())
    expect(wake.newWords.items).toMatchObject([{ kind: 'approval', status: 'rejected', text: 'not the blue one' }])
  })

  test('The reason of a rejection is in the context that the agent reads, until a run of it succeeded after it (K15)', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const ask = { kind: 'request_confirmation', continuationPolicy: 'wake_assignee', payload: { prompt: 'Blue?' } }
    const { body: question } = await (await here.run(agent)).client.post(`/api/issues/${issue.id}/interactions`, ask)
    await board().post(`/api/issues/${issue.id}/interactions/${question.id}/reject`, { reason: 'not the blue one' })
    const words = async () => (await agent.client.get(`/api/issues/${issue.id}/heartbeat-context`)).body.newWords
    expect(await words()).toMatchObject({ since: null, omitted: 0, items: [{ kind: 'interaction', status: 'rejected' }] })
    expect((await words()).items[0].text).toContain('not the blue one')
    const run = await here.run(agent)
    await server().database.sql.query('update heartbeat_runs set issue_id = $2 where id = $1', [run.id, issue.id])
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    expect((await words()).items).toEqual([])
  })

  test('The newest words are whole, and longer ones have a path where they are whole (K7)', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const long = await comment(issue.id, 'x'.repeat(100_000))
    for (let number = 1; number <= 55; number += 1) await comment(issue.id, `Word ${number}`)
    const early = (await agent.client.get(`/api/issues/${issue.id}/heartbeat-context`)).body.newWords
    expect(early.items).toHaveLength(50)
    expect(early.items.at(-1)).toMatchObject({ text: 'Word 55', truncated: false })
    expect(early.omitted).toBe(6)
    await server().database.sql.query("update issue_comments set created_at = now() + interval '1 minute' where id = $1", [long])
    const [last] = (await agent.client.get(`/api/issues/${issue.id}/heartbeat-context`)).body.newWords.items.slice(-1)
    expect(last).toMatchObject({ id: long, truncated: true, path: `/api/issues/${issue.id}/comments/${long}` })
    expect((await agent.client.get(last.path)).body.body).toHaveLength(100_000)
  })

  test('An http agent receives what woke it, and the words, in its request (K18)', async () => {
    const here = await world(server())
    const bodies: Record<string, unknown>[] = []
    const target = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk) => (text += chunk))
      request.on('end', () => {
        bodies.push(JSON.parse(text) as Record<string, unknown>)
        response.end('{}')
      })
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void target.close())
    await new Promise((resolve) => target.once('listening', resolve))
    const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`
    const agent = await here.agent({ adapterType: 'http', adapterConfig: { url } })
    const issue = await here.issue({ status: 'backlog', assigneeAgentId: agent.id })
    useRunner(server())
    const commentId = await comment(issue.id, 'Have a look')
    await waitUntil('the agent was called', async () => Promise.resolve(bodies.length > 0))
    expect(bodies[0]).toMatchObject({ taskId: issue.id, wakeReason: 'issue_commented', wakeCommentId: commentId, approvalId: null })
    expect(bodies[0]?.['prompt']).toContain('Have a look')
    expect(bodies[0]?.['context']).toMatchObject({ newWords: { items: [{ text: 'Have a look' }] } })
  })
})

describe('What a comment or an answer does to its issue', () => {
  test('A comment on a blocked issue whose agent does nothing leaves it blocked (K22)', async () => {
    const here = await world(server())
    useRunner(server())
    const { agent, start, letGo } = await recordingAgent(here)
    await letGo()
    const issue = await here.issue({ assigneeAgentId: agent.id })
    const ended = () =>
      waitUntil('its runs have ended', async () => (await wakesOf(server(), issue.id)).every((wake) => wake.status === 'completed'))
    await start(1)
    await ended()
    await board().patch(`/api/issues/${issue.id}`, { status: 'blocked' })
    await comment(issue.id, 'Any news?')
    await start(2)
    await ended()
    expect(await holdRow(server(), issue.id)).toMatchObject({ status: 'blocked', executionRunId: null })
  })

  test.each([
    ['a person', { assigneeUserId: 'local-board' }],
    ['no party', {}],
  ])('The answer to a question wakes the agent that asked, where %s has the issue (K9)', async (_, assignee) => {
    const here = await world(server())
    const agent = await here.agent()
    for (const [action, body, status] of [
      ['accept', {}, 'todo'],
      ['reject', { reason: 'no' }, 'todo'],
    ] as const) {
      const issue = await here.issue({ status, ...assignee })
      const ask = { kind: 'request_confirmation', continuationPolicy: 'wake_assignee', payload: { prompt: 'Blue?' } }
      const { body: question } = await (await here.run(agent)).client.post(`/api/issues/${issue.id}/interactions`, ask)
      expect((await board().post(`/api/issues/${issue.id}/interactions/${question.id}/${action}`, body)).status).toBe(200)
      const [wake] = await wakesOf(server(), issue.id)
      expect(wake).toMatchObject({ agentId: agent.id, status: 'queued', reason: `interaction_${action}ed` })
      expect(await runRow(server(), wake?.runId ?? '')).toMatchObject({ status: 'queued' })
      expect((await holdRow(server(), issue.id)).assigneeAgentId).toBe(action === 'accept' ? agent.id : null)
    }
  })

  test('A cancelled blocker frees the issue that it blocked, and its assignee learns what became of it (K12)', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const blocker = await here.issue()
    const issue = await here.issue({ assigneeAgentId: agent.id, blockedByIssueIds: [blocker.id] })
    const before = await wakesOf(server(), issue.id)
    const run = await here.run(agent)
    expect((await here.checkout(run, issue.id)).status).toBe(422)
    await board().patch(`/api/issues/${blocker.id}`, { status: 'cancelled' })
    expect((await wakesOf(server(), issue.id)).at(-1)).toMatchObject({ agentId: agent.id, status: 'queued' })
    expect(before.length).toBeLessThanOrEqual(1)
    const { rows } = await server().database.sql.query(
      'select reason, payload from wakes where issue_id = $1 order by created_at desc limit 1',
      [issue.id],
    )
    expect(rows).toMatchObject([
      { reason: 'issue_blockers_resolved', payload: { resolvedBlockerIssueId: blocker.id, resolvedBlockerStatus: 'cancelled' } },
    ])
    expect((await here.checkout(run, issue.id)).status).toBe(200)
  })
})

test('A run without an issue and without an approval asks the database for no words', async () => {
  const refuse = (): Promise<never> => Promise.reject(new Error('the database was asked'))
  const about = { companyId: crypto.randomUUID(), agentId: crypto.randomUUID(), issueId: null, approvalIds: [] }
  expect(await newWords({ run: refuse }, about)).toEqual({ since: null, items: [], omitted: 0 })
  expect(await newWords(server().store.read, { ...about, approvalIds: [crypto.randomUUID()] })).toEqual({
    since: null,
    items: [],
    omitted: 0,
  })
})
