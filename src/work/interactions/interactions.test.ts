import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

const confirm = (payload: Record<string, unknown> = {}, fields: Record<string, unknown> = {}) => ({
  kind: 'request_confirmation',
  payload: { prompt: 'Ship it?', ...payload },
  ...fields,
})
const suggest = (tasks: Record<string, unknown>[], fields: Record<string, unknown> = {}) => ({
  kind: 'suggest_tasks',
  payload: { tasks },
  ...fields,
})
const questions = [
  {
    id: 'db',
    prompt: 'Which database?',
    selectionMode: 'single',
    required: true,
    options: [
      { id: 'pg', label: 'Postgres' },
      { id: 'my', label: 'MySQL' },
    ],
  },
  {
    id: 'os',
    prompt: 'Which systems?',
    selectionMode: 'multi',
    options: [
      { id: 'linux', label: 'Linux' },
      { id: 'mac', label: 'macOS' },
    ],
  },
]
const ask = (fields: Record<string, unknown> = {}) => ({ kind: 'ask_user_questions', payload: { questions }, ...fields })

/** An issue held by a run, and its thread. */
async function setup() {
  const { company, agent: hire, run: open, held: hold } = await world(server())
  const held = await hold()
  const path = `/api/issues/${held.issue.id}/interactions`
  const put = async (body: object) => {
    const answer = await held.run.client.post(path, body)
    expect(answer.status, answer.text).toBe(201)
    return answer.body
  }
  const wakes = async () =>
    (
      await server().database.sql.query<{ reason: string; payload: object }>(
        'select reason, payload from wakes where issue_id = $1 order by created_at',
        [held.issue.id],
      )
    ).rows
  return { company, hire, open, holder: held.agent, run: held.run, issue: held.issue, path, put, wakes }
}

describe('creation of interactions', () => {
  test('Each kind of interaction is stored with its default policy and its run, and audited', async () => {
    const { put, path, run, issue } = await setup()
    const made = [
      await put(suggest([{ clientKey: 'a', title: 'A' }])),
      await put(ask({ title: 'Setup', summary: 'Choose' })),
      await put(confirm()),
    ]
    expect(made).toMatchObject([
      { kind: 'suggest_tasks', status: 'pending', continuationPolicy: 'wake_assignee', sourceRunId: run.id, createdByAgentId: run.agentId },
      { kind: 'ask_user_questions', continuationPolicy: 'wake_assignee', title: 'Setup', summary: 'Choose', result: null },
      { kind: 'request_confirmation', continuationPolicy: 'none', payload: { version: 1, prompt: 'Ship it?' }, resolvedAt: null },
    ])
    expect(await lastAudit(server(), issue.id, 'issue.thread_interaction_created')).toMatchObject({
      runId: run.id,
      details: { interactionId: made[2].id, interactionKind: 'request_confirmation', continuationPolicy: 'none' },
    })
    expect((await server().board.get(path)).body).toEqual(made)
  })

  test('The same idempotencyKey returns the same interaction, concurrently and after its resolution, and another question under it gets 409', async () => {
    const { path, run, put, issue } = await setup()
    const body = confirm({}, { idempotencyKey: 'ship' })
    const answers = await race(Array(6).fill(0), () => run.client.post(path, body))
    expect(countByStatus(answers)).toEqual({ 201: 6 })
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1)
    const created = (await actionsOf(server(), issue.id)).filter((action) => action === 'issue.thread_interaction_created')
    expect(created).toHaveLength(1)
    await server().board.post(`${path}/${answers[0]?.body.id}/accept`)
    expect(await put(body)).toMatchObject({ id: answers[0]?.body.id, status: 'accepted' })
    const before = await auditCount(server())
    for (const other of [confirm({ prompt: 'Really?' }, { idempotencyKey: 'ship' }), ask({ idempotencyKey: 'ship' })]) {
      expect(await run.client.post(path, other)).toMatchObject({ status: 409, body: { code: 'interaction_key_reused' } })
    }
    expect(await auditCount(server())).toBe(before)
  })

  test('An agent needs a run and must pass the write gate to ask, and the board needs neither', async () => {
    const { path, holder, run, issue, hire, open } = await setup()
    const stranger = await open(await hire())
    const before = await auditCount(server())
    expect(await holder.client.post(path, confirm())).toMatchObject({ status: 401, body: { code: 'run_required' } })
    expect(await stranger.client.post(path, confirm())).toMatchObject({ status: 409, body: { code: 'checked_out_by_other' } })
    expect(await auditCount(server())).toBe(before)
    expect((await server().board.post(path, confirm())).body).toMatchObject({ createdByUserId: 'local-board', sourceRunId: null })
    await server().board.post(`/api/issues/${issue.id}/admin/force-release`)
    expect(await run.client.post(path, confirm())).toMatchObject({ status: 409, body: { code: 'lock_revoked' } })
  })

  test('Every invalid payload is refused with validation_failed and nothing is recorded', async () => {
    const { path, run } = await setup()
    const before = await auditCount(server())
    const option = { id: 'x', label: 'X' }
    const question = { id: 'q', prompt: 'Q?', selectionMode: 'single', options: [option] }
    const bodies = [
      { kind: 'other', payload: {} },
      { kind: 'request_confirmation' },
      confirm({ prompt: '' }),
      confirm({ version: 2 }),
      confirm({ target: { type: 'issue_document', key: 'plan' } }),
      confirm({}, { title: 'x'.repeat(241) }),
      confirm({}, { idempotencyKey: 'x'.repeat(256) }),
      suggest([]),
      suggest(Array.from({ length: 51 }, (_, n) => ({ clientKey: `k${n}`, title: 'x' }))),
      suggest([
        { clientKey: 'a', title: 'x' },
        { clientKey: 'a', title: 'y' },
      ]),
      suggest([{ clientKey: 'a', title: 'x', parentClientKey: 'b' }]),
      suggest([
        { clientKey: 'a', title: 'x', parentClientKey: 'b' },
        { clientKey: 'b', title: 'y', parentClientKey: 'a' },
      ]),
      suggest([{ clientKey: 'a', title: 'x', assigneeAgentId: randomUUID(), assigneeUserId: 'u' }]),
      suggest([{ clientKey: 'a', title: 'x'.repeat(241) }]),
      { kind: 'ask_user_questions', payload: { questions: [] } },
      { kind: 'ask_user_questions', payload: { questions: [question, question] } },
      { kind: 'ask_user_questions', payload: { questions: [{ ...question, options: [] }] } },
      { kind: 'ask_user_questions', payload: { questions: [{ ...question, options: [option, option] }] } },
      { kind: 'ask_user_questions', payload: { questions: [{ ...question, selectionMode: 'some' }] } },
    ]
    const answers = await Promise.all(bodies.map((body) => run.client.post(path, body)))
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(bodies.map(() => [400, 'validation_failed']))
    expect(await auditCount(server())).toBe(before)
  })

  test('References of an interaction must exist in its company', async () => {
    const { path, run } = await setup()
    const elsewhere = await setup()
    const foreign = elsewhere.issue.id
    const before = await auditCount(server())
    const codes = async (body: object) => {
      const answer = await run.client.post(path, body)
      return [answer.status, answer.body.code]
    }
    expect(await codes(suggest([{ clientKey: 'a', title: 'x', parentId: foreign }]))).toEqual([422, 'unknown_reference'])
    expect(await codes({ kind: 'suggest_tasks', payload: { defaultParentId: foreign, tasks: [{ clientKey: 'a', title: 'x' }] } })).toEqual([
      422,
      'unknown_reference',
    ])
    expect(await codes(suggest([{ clientKey: 'a', title: 'x', assigneeAgentId: elsewhere.run.agentId }]))).toEqual([404, 'not_found'])
    expect(await codes(confirm({}, { sourceCommentId: randomUUID() }))).toEqual([404, 'not_found'])
    expect(await codes(confirm({ target: { type: 'issue_document', key: 'plan', revisionId: randomUUID() } }))).toEqual([404, 'not_found'])
    expect(await auditCount(server())).toBe(before)
  })
})

describe('suggested tasks', () => {
  test('Accepting suggested tasks creates them after their parents, with the existing labels, in one transaction', async () => {
    const { put, path, issue, company, holder: agent, wakes } = await setup()
    const label = (await server().board.post(`/api/companies/${company.id}/labels`, { name: 'Bug', color: '#123456' })).body
    const { id } = await put(
      suggest([
        { clientKey: 'leaf', title: 'Leaf', parentClientKey: 'root', priority: 'high', labels: ['bug', 'not a label'] },
        { clientKey: 'root', title: 'Root', description: 'why', assigneeAgentId: agent.id },
        { clientKey: 'side', title: 'Side' },
      ]),
    )
    const { status, body } = await server().board.post(`${path}/${id}/accept`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'accepted', resolvedByUserId: 'local-board', result: { version: 1, skippedClientKeys: [] } })
    const created = body.result.createdTasks as {
      clientKey: string
      issueId: string
      identifier: string
      parentIssueId: string
      title: string
    }[]
    const by = (key: string) => created.find((task) => task.clientKey === key)
    expect(created.map((task) => task.clientKey)).toEqual(['root', 'side', 'leaf'])
    expect(by('root')).toMatchObject({ title: 'Root', parentIssueId: issue.id })
    expect(by('leaf')).toMatchObject({ parentIssueId: by('root')?.issueId })
    const leaf = (await server().board.get(`/api/issues/${by('leaf')?.issueId}`)).body
    expect(leaf).toMatchObject({
      title: 'Leaf',
      priority: 'high',
      status: 'todo',
      parentId: by('root')?.issueId,
      labelIds: [label.id],
      requestDepth: 2,
    })
    const root = (await server().board.get(`/api/issues/${by('root')?.identifier}`)).body
    expect(root).toMatchObject({ assigneeAgentId: agent.id, description: 'why', createdByUserId: 'local-board' })
    expect((await lastAudit(server(), issue.id, 'issue.thread_interaction_accepted')).details).toMatchObject({
      interactionId: id,
      createdIssueIds: created.map((task) => task.issueId),
    })
    expect(await actionsOf(server(), by('leaf')?.issueId ?? '')).toEqual(['issue.created'])
    expect(await wakes()).toMatchObject([{ reason: 'interaction_accepted', payload: { interactionId: id, interactionStatus: 'accepted' } }])
  })

  test('Only the selected tasks are created, and an inconsistent selection creates none', async () => {
    const { put, path } = await setup()
    const { id } = await put(
      suggest([
        { clientKey: 'a', title: 'A' },
        { clientKey: 'b', title: 'B', parentClientKey: 'a' },
        { clientKey: 'c', title: 'C' },
      ]),
    )
    const accept = (selectedClientKeys?: string[]) => server().board.post(`${path}/${id}/accept`, { selectedClientKeys })
    const before = await auditCount(server())
    expect(await accept(['b'])).toMatchObject({ status: 422, body: { code: 'unprocessable', details: { clientKeys: ['b'] } } })
    expect(await accept(['zzz'])).toMatchObject({ status: 422 })
    expect(await accept([])).toMatchObject({ status: 400 })
    expect(await auditCount(server())).toBe(before)
    expect((await accept(['c', 'a'])).body.result).toMatchObject({
      createdTasks: [{ clientKey: 'a' }, { clientKey: 'c' }],
      skippedClientKeys: ['b'],
    })
    const after = await auditCount(server())
    expect((await accept(['a', 'c'])).status).toBe(200)
    expect((await accept()).status).toBe(200)
    expect(await accept(['a'])).toMatchObject({ status: 409, body: { code: 'interaction_resolved' } })
    expect(await auditCount(server())).toBe(after)
  })

  test('One of several concurrent acceptances creates the tasks, and all return them', async () => {
    const { put, path, company } = await setup()
    const { id } = await put(
      suggest([
        { clientKey: 'a', title: 'A' },
        { clientKey: 'b', title: 'B' },
      ]),
    )
    const answers = await race(Array(8).fill(0), () => server().board.post(`${path}/${id}/accept`))
    expect(countByStatus(answers)).toEqual({ 200: 8 })
    expect(new Set(answers.map((answer) => JSON.stringify(answer.body.result))).size).toBe(1)
    expect((await server().board.get(`/api/companies/${company.id}/issues`)).body).toHaveLength(3)
  })

  test('Exactly one of a concurrent acceptance and rejection succeeds', async () => {
    const { put, path } = await setup()
    for (let round = 0; round < 5; round += 1) {
      const { id } = await put(suggest([{ clientKey: 'a', title: 'A' }]))
      const answers = await race(['accept', 'reject'], (verb) => server().board.post(`${path}/${id}/${verb}`))
      expect(countByStatus(answers)).toEqual({ 200: 1, 409: 1 })
    }
  })

  test('An acceptance with a task for a terminated agent is refused and creates no task', async () => {
    const { put, path, company, hire } = await setup()
    const hired = await hire()
    const { id } = await put(
      suggest([
        { clientKey: 'a', title: 'A' },
        { clientKey: 'b', title: 'B', assigneeAgentId: hired.id },
      ]),
    )
    await server().board.post(`/api/agents/${hired.id}/terminate`)
    const before = await auditCount(server())
    expect(await server().board.post(`${path}/${id}/accept`)).toMatchObject({ status: 409, body: { code: 'agent_terminated' } })
    expect(await auditCount(server())).toBe(before)
    expect((await server().board.get(path)).body[0]).toMatchObject({ id, status: 'pending' })
    expect((await server().board.get(`/api/companies/${company.id}/issues`)).body).toHaveLength(1)
  })
})

describe('questions', () => {
  test('Questions are answered once; an equal answer returns the first result and another answer is refused', async () => {
    const { put, path, issue, wakes } = await setup()
    const { id } = await put(ask())
    const respond = (answers: object[], fields: object = {}) => server().board.post(`${path}/${id}/respond`, { answers, ...fields })
    const first = await respond(
      [
        { questionId: 'os', optionIds: ['mac', 'linux'] },
        { questionId: 'db', optionIds: ['pg'] },
      ],
      { summaryMarkdown: 'pg' },
    )
    expect(first).toMatchObject({
      status: 200,
      body: {
        status: 'answered',
        result: {
          version: 1,
          summaryMarkdown: 'pg',
          answers: [
            { questionId: 'db', optionIds: ['pg'] },
            { questionId: 'os', optionIds: ['linux', 'mac'] },
          ],
        },
      },
    })
    expect((await lastAudit(server(), issue.id, 'issue.thread_interaction_answered')).details).toEqual({
      interactionId: id,
      interactionKind: 'ask_user_questions',
      answers: 2,
    })
    expect(await wakes()).toMatchObject([{ reason: 'interaction_answered' }])
    const before = await auditCount(server())
    const again = await respond(
      [
        { questionId: 'db', optionIds: ['pg'] },
        { questionId: 'os', optionIds: ['linux', 'mac'] },
      ],
      { summaryMarkdown: 'pg' },
    )
    expect(again.body).toEqual(first.body)
    expect(await respond([{ questionId: 'db', optionIds: ['my'] }])).toMatchObject({ status: 409, body: { code: 'interaction_resolved' } })
    expect(await auditCount(server())).toBe(before)
  })

  test('Unknown, surplus, missing and duplicate answers are refused', async () => {
    const { put, path } = await setup()
    const { id } = await put(ask())
    const before = await auditCount(server())
    const respond = async (answers: object[]) => (await server().board.post(`${path}/${id}/respond`, { answers })).status
    expect(await respond([])).toBe(422)
    expect(await respond([{ questionId: 'os', optionIds: ['linux'] }])).toBe(422)
    expect(await respond([{ questionId: 'db', optionIds: ['pg', 'my'] }])).toBe(422)
    expect(await respond([{ questionId: 'db', optionIds: ['oracle'] }])).toBe(422)
    expect(
      await respond([
        { questionId: 'db', optionIds: ['pg'] },
        { questionId: 'what', optionIds: [] },
      ]),
    ).toBe(422)
    expect(
      await respond([
        { questionId: 'db', optionIds: ['pg'] },
        { questionId: 'db', optionIds: ['pg'] },
      ]),
    ).toBe(400)
    expect(await auditCount(server())).toBe(before)
  })

  test('Questions are neither accepted nor rejected, and other kinds are not answered', async () => {
    const { put, path } = await setup()
    const [asked, other] = [await put(ask()), await put(confirm())]
    for (const [id, verb, body] of [
      [asked.id, 'accept', {}],
      [asked.id, 'reject', {}],
      [other.id, 'respond', { answers: [] }],
    ]) {
      expect(await server().board.post(`${path}/${id}/${verb}`, body)).toMatchObject({ status: 422, body: { code: 'unprocessable' } })
    }
  })
})

describe('confirmations', () => {
  test('A rejection has a reason where one is required, and a resolution wakes the assignee only by its policy', async () => {
    const { put, path, issue, wakes } = await setup()
    const strict = await put(confirm({ rejectRequiresReason: true }, { continuationPolicy: 'wake_assignee_on_accept' }))
    expect(await server().board.post(`${path}/${strict.id}/reject`, { reason: ' ' })).toMatchObject({ status: 422 })
    expect(await server().board.post(`${path}/${strict.id}/reject`, { reason: 'x'.repeat(4001) })).toMatchObject({ status: 400 })
    const rejected = await server().board.post(`${path}/${strict.id}/reject`, { reason: 'too early' })
    expect(rejected).toMatchObject({ status: 200, body: { status: 'rejected', result: { outcome: 'rejected', reason: 'too early' } } })
    expect((await lastAudit(server(), issue.id, 'issue.thread_interaction_rejected')).details).toMatchObject({ reason: 'too early' })
    expect(await wakes()).toEqual([])
    const silent = await put(confirm())
    await server().board.post(`${path}/${silent.id}/accept`)
    expect(await wakes()).toEqual([])
    const loud = await put(confirm({}, { continuationPolicy: 'wake_assignee_on_accept' }))
    const before = await auditCount(server())
    expect((await server().board.post(`${path}/${loud.id}/accept`)).body.result).toEqual({ version: 1, outcome: 'accepted' })
    expect((await server().board.post(`${path}/${loud.id}/accept`)).status).toBe(200)
    expect(await auditCount(server())).toBe(before + 1)
    expect(await server().board.post(`${path}/${loud.id}/reject`)).toMatchObject({
      status: 409,
      body: { code: 'interaction_resolved', details: { status: 'accepted' } },
    })
    expect(await wakes()).toMatchObject([{ reason: 'interaction_accepted' }])
  })

  test('A confirmation of a document must name its latest revision, and expires with the next one', async () => {
    const { put, path, issue, run } = await setup()
    const documents = `/api/issues/${issue.id}/documents`
    const first = (await run.client.put(`${documents}/plan`, { format: 'markdown', body: '1' })).body
    const target = (revisionId: string) => ({ target: { type: 'issue_document', key: 'plan', revisionId } })
    const body = confirm(target(first.latestRevisionId), { idempotencyKey: 'plan' })
    const bound = await put(body)
    expect(bound.payload.target).toMatchObject({ issueId: issue.id, documentId: first.id, revisionNumber: 1 })
    expect((await put(body)).id).toBe(bound.id)
    const other = await put(confirm())
    const second = (await run.client.put(`${documents}/plan`, { format: 'markdown', body: '2', baseRevisionId: first.latestRevisionId }))
      .body
    expect((await lastAudit(server(), issue.id, 'issue.thread_interaction_expired')).details).toMatchObject({
      interactionId: bound.id,
      why: 'target_changed',
      revisionId: second.latestRevisionId,
    })
    expect(await server().board.post(`${path}/${bound.id}/accept`)).toMatchObject({ status: 409, body: { details: { status: 'expired' } } })
    expect(await run.client.post(path, confirm(target(first.latestRevisionId)))).toMatchObject({
      status: 409,
      body: { code: 'document_stale', details: { currentRevisionId: second.latestRevisionId } },
    })
    const again = await put(confirm(target(second.latestRevisionId)))
    await server().board.post(`${documents}/plan/revisions/${first.latestRevisionId}/restore`)
    const third = (await server().board.get(`${documents}/plan`)).body
    const last = await put(confirm(target(third.latestRevisionId)))
    await server().board.del(`${documents}/plan`)
    const states = (await server().board.get(path)).body.map((each: { id: string; status: string }) => [each.id, each.status])
    expect(states).toEqual([
      [bound.id, 'expired'],
      [other.id, 'pending'],
      [again.id, 'expired'],
      [last.id, 'expired'],
    ])
  })

  test('A confirmation with supersedeOnUserComment expires with a comment of a person on either route, and not with one of an agent', async () => {
    const { put, path, issue, run } = await setup()
    const statuses = async () => (await server().board.get(path)).body.map((each: { status: string }) => each.status)
    await put(confirm({ supersedeOnUserComment: true }))
    await put(confirm())
    await run.client.post(`/api/issues/${issue.id}/comments`, { body: 'still waiting' })
    expect(await statuses()).toEqual(['pending', 'pending'])
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'wait' })
    expect(await statuses()).toEqual(['expired', 'pending'])
    expect((await lastAudit(server(), issue.id, 'issue.thread_interaction_expired')).details).toMatchObject({
      why: 'superseded_by_comment',
    })
    await put(confirm({ supersedeOnUserComment: true }))
    await server().board.patch(`/api/issues/${issue.id}`, { comment: 'and again' })
    expect(await statuses()).toEqual(['expired', 'pending', 'expired'])
  })

  test('A confirmation that is accepted while its document changes is either accepted or expired, never both', async () => {
    const { put, path, issue, run } = await setup()
    const documents = `/api/issues/${issue.id}/documents/plan`
    let base = (await run.client.put(documents, { format: 'markdown', body: '0' })).body.latestRevisionId
    for (let round = 0; round < 5; round += 1) {
      const { id } = await put(confirm({ target: { type: 'issue_document', key: 'plan', revisionId: base } }))
      const [accepted, written] = await race([0, 1], (n) =>
        n === 0
          ? server().board.post(`${path}/${id}/accept`)
          : run.client.put(documents, { format: 'markdown', body: `${round}`, baseRevisionId: base }),
      )
      expect(written?.status).toBe(200)
      base = written?.body.latestRevisionId
      const interaction = (await server().board.get(path)).body.find((each: { id: string }) => each.id === id)
      expect(interaction.status).toBe(accepted?.status === 200 ? 'accepted' : 'expired')
    }
  })
})

describe('resolution of interactions', () => {
  test('Only the board resolves interactions, and a request of another company learns nothing of them', async () => {
    const { put, path, run, issue } = await setup()
    const elsewhere = await setup()
    const { id } = await put(confirm())
    const before = await auditCount(server())
    for (const verb of ['accept', 'reject', 'respond']) {
      expect(await run.client.post(`${path}/${id}/${verb}`, { answers: [] })).toMatchObject({
        status: 403,
        body: { code: 'board_required' },
      })
      const missing = await server().board.post(`${path}/${randomUUID()}/${verb}`, { answers: [] })
      expect(missing).toMatchObject({ status: 404, body: { error: 'Interaction not found' } })
      const misplaced = await server().board.post(`${elsewhere.path}/${id}/${verb}`, { answers: [] })
      expect(misplaced).toMatchObject({ status: 404, body: { error: 'Interaction not found' } })
      expect((await server().board.post(`${path}/nope/${verb}`, { answers: [] })).status).toBe(400)
    }
    for (const of of [issue.id, randomUUID()]) {
      expect(await elsewhere.run.client.get(`/api/issues/${of}/interactions`)).toMatchObject({
        status: 404,
        body: { error: 'Issue not found' },
      })
      expect(await elsewhere.run.client.post(`/api/issues/${of}/interactions`, confirm())).toMatchObject({
        status: 404,
        body: { error: 'Issue not found' },
      })
    }
    expect(await auditCount(server())).toBe(before)
  })
})
