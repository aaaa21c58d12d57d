import { describe, expect, test } from 'vitest'
import { auditsOf, expectRefused, expectUnchanged, wakesOf } from '../../dev/testing/holds.ts'
import { countByStatus } from '../../dev/testing/race.ts'
import { addTrigger, createRoutine, runsOf } from '../../dev/testing/routines.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()
const board = () => server().board
const of = (here: World) => `/api/companies/${here.company.id}/routines`

describe('a routine', () => {
  test('The board creates a routine with its defaults, and it is listed and read with all that belongs to it', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const routine = await createRoutine(server(), here, { assigneeAgentId: agent.id, description: 'Each of them' })
    expect(routine).toMatchObject({
      status: 'active',
      pauseReason: null,
      concurrencyPolicy: 'coalesce_if_active',
      catchUpPolicy: 'skip_missed',
      priority: 'medium',
      variables: [],
      createdByUserId: 'local-board',
      lastTriggeredAt: null,
    })
    const { trigger } = await addTrigger(routine.id, { kind: 'schedule', cronExpression: '0 9 * * 1', timezone: 'Europe/Berlin' }, board())
    expect(trigger.nextRunTimes).toHaveLength(5)
    expect(trigger.nextRunTimes[0]).toBe(trigger.nextRunAt)
    const list = await agent.client.get(of(here))
    expect(list.body).toMatchObject([
      { id: routine.id, lastRun: null, activeIssue: null, triggers: [{ id: trigger.id, kind: 'schedule', secretId: null }] },
    ])
    const detail = (await board().get(`/api/routines/${routine.id}`)).body
    expect(detail).toMatchObject({ id: routine.id, assignee: { id: agent.id }, project: null, parentIssue: null, recentRuns: [] })
    expect(detail.triggers[0].nextRunTimes).toEqual(trigger.nextRunTimes)
    expect(await lastAudit(server(), routine.id, 'routine.created')).toMatchObject({
      actorType: 'user',
      details: { title: 'Answer the letters' },
    })
    expect(await lastAudit(server(), trigger.id, 'routine.trigger_created')).toMatchObject({ details: { cronExpression: '0 9 * * 1' } })
  })

  test('A change is recorded with the values before it, and the same again changes nothing', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const { id } = await createRoutine(server(), here, { assigneeAgentId: agent.id })
    const change = () => board().patch(`/api/routines/${id}`, { title: 'Answer them', concurrencyPolicy: 'always_enqueue' })
    expect(await change()).toMatchObject({ status: 200, body: { title: 'Answer them', concurrencyPolicy: 'always_enqueue' } })
    expect(await lastAudit(server(), id, 'routine.updated')).toMatchObject({
      details: { title: 'Answer them', _previous: { title: 'Answer the letters', concurrencyPolicy: 'coalesce_if_active' } },
    })
    await expectUnchanged(server(), change)
  })

  test('A missing, a foreign and a contradictory value is refused, and nothing is left behind', async () => {
    const here = await world(server())
    const elsewhere = await world(server())
    const [agent, foreign, gone] = [await here.agent(), await elsewhere.agent(), await here.agent()]
    await board().post(`/api/agents/${gone.id}/terminate`)
    const create = (fields: Record<string, unknown>) => () => board().post(of(here), { title: 'T', assigneeAgentId: agent.id, ...fields })
    await expectRefused(server(), create({ title: ' ' }), 400, 'validation_failed')
    await expectRefused(server(), create({ assigneeAgentId: foreign.id }), 404, 'not_found')
    await expectRefused(server(), create({ assigneeAgentId: gone.id }), 409, 'agent_terminated')
    await expectRefused(server(), create({ projectId: crypto.randomUUID() }), 422, 'unknown_reference')
    await expectRefused(server(), create({ variables: [{ name: 'a' }, { name: 'a' }] }), 422, 'unprocessable')
    await expectRefused(server(), create({ variables: [{ name: '1a' }] }), 400, 'validation_failed')
    const { id } = await createRoutine(server(), here, { assigneeAgentId: agent.id })
    for (const [method, path, body] of [
      ['get', `/api/routines/${id}`, undefined],
      ['get', `/api/routines/${id}/runs`, undefined],
      ['patch', `/api/routines/${id}`, { title: 'Mine' }],
      ['post', `/api/routines/${id}/run`, {}],
      ['post', `/api/routines/${id}/triggers`, { kind: 'api' }],
    ] as const)
      await expectRefused(
        server(),
        () => (method === 'get' ? foreign.client.get(path) : foreign.client[method](path, body)),
        404,
        'not_found',
      )
    const { trigger } = await addTrigger(id, { kind: 'api' }, board())
    await expectRefused(server(), () => foreign.client.del(`/api/routine-triggers/${trigger.id}`), 404, 'not_found')
    expect((await foreign.client.get(of(elsewhere))).body).toEqual([])
  })
})

describe('a manual run', () => {
  test('It makes an issue of the routine with the values of its variables, and wakes the assignee', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const routine = await createRoutine(server(), here, {
      title: 'Write to {{who}}',
      description: '{{count}} letters, {{unknown}}',
      assigneeAgentId: agent.id,
      priority: 'high',
      variables: [{ name: 'who' }, { name: 'count', type: 'number', defaultValue: 3 }],
    })
    await expectRefused(server(), () => board().post(`/api/routines/${routine.id}/run`, {}), 422, 'unprocessable')
    const { status, body: run } = await board().post(`/api/routines/${routine.id}/run`, {
      variables: { who: '{{count}}' },
      payload: { why: 'a test' },
    })
    expect(status).toBe(202)
    expect(run).toMatchObject({
      status: 'issue_created',
      source: 'manual',
      triggerPayload: { why: 'a test' },
      dueAt: null,
      completedAt: null,
    })
    const issue = (await board().get(`/api/issues/${run.linkedIssueId}`)).body
    expect(issue).toMatchObject({
      title: 'Write to {{count}}',
      description: '3 letters, {{unknown}}',
      priority: 'high',
      status: 'todo',
      assigneeAgentId: agent.id,
      originKind: 'routine_execution',
      originId: routine.id,
      originRunId: run.id,
    })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'queued', reason: 'issue_assigned' }])
    expect(await lastAudit(server(), run.id, 'routine.run_triggered')).toMatchObject({
      details: { status: 'issue_created', issueId: issue.id },
    })
    expect((await board().get(`/api/routines/${routine.id}/runs`)).body).toMatchObject([
      { id: run.id, linkedIssue: { id: issue.id }, trigger: null },
    ])
    expect((await board().get(of(here))).body).toMatchObject([{ activeIssue: { id: issue.id }, lastRun: { id: run.id } }])
  })

  test('The same key makes one run, whether it stands in the body or in the header, and two at once make one', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const { id } = await createRoutine(server(), here, { assigneeAgentId: agent.id, concurrencyPolicy: 'always_enqueue' })
    const ask = () => board().post(`/api/routines/${id}/run`, { idempotencyKey: 'monday' })
    const answers = await Promise.all([ask(), ask(), ask()])
    const ids = new Set(answers.filter(({ status }) => status === 202).map(({ body }) => body.id))
    expect(ids.size).toBe(1)
    await server().database.sql.query('delete from idempotency_keys')
    expect((await ask()).body.id).toBe([...ids][0])
    expect(await runsOf(server(), id)).toHaveLength(1)
  })

  test('The policy decides when the issue of an earlier run is open', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const results: string[] = []
    for (const concurrencyPolicy of ['coalesce_if_active', 'skip_if_active', 'always_enqueue']) {
      const { id } = await createRoutine(server(), here, { assigneeAgentId: agent.id, concurrencyPolicy })
      const first = (await board().post(`/api/routines/${id}/run`, {})).body
      const second = (await board().post(`/api/routines/${id}/run`, {})).body
      results.push(second.status)
      if (second.status === 'coalesced') expect(second).toMatchObject({ linkedIssueId: first.linkedIssueId, coalescedIntoRunId: first.id })
      if (second.status === 'skipped')
        expect(second).toMatchObject({ linkedIssueId: first.linkedIssueId, failureReason: expect.stringMatching(/still open/) })
      await board().patch(`/api/issues/${first.linkedIssueId}`, { status: 'cancelled' })
      await board().patch(`/api/issues/${second.linkedIssueId}`, { status: 'done' })
      expect((await board().post(`/api/routines/${id}/run`, {})).body.status).toBe('issue_created')
    }
    expect(results).toEqual(['coalesced', 'skipped', 'issue_created'])
  })

  test('A draft, an archived routine, and a trigger that is off or of another routine are refused', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const draft = await createRoutine(server(), here, {})
    expect(draft.assigneeAgentId).toBeNull()
    await expectRefused(server(), () => board().post(`/api/routines/${draft.id}/run`, {}), 422, 'unprocessable')
    const { id } = await createRoutine(server(), here, { assigneeAgentId: agent.id })
    const { trigger } = await addTrigger(id, { kind: 'api', enabled: false }, board())
    const { trigger: foreign } = await addTrigger(draft.id, { kind: 'api' }, board())
    await expectRefused(server(), () => board().post(`/api/routines/${id}/run`, { triggerId: trigger.id }), 409, 'conflict')
    await expectRefused(server(), () => board().post(`/api/routines/${id}/run`, { triggerId: foreign.id }), 404, 'not_found')
    await board().patch(`/api/routines/${id}`, { status: 'archived' })
    await expectRefused(server(), () => board().post(`/api/routines/${id}/run`, {}), 409, 'conflict')
  })
})

describe('an agent and its routines (I21)', () => {
  const create = (here: World, agent: TestAgent, fields: Record<string, unknown> = {}) =>
    agent.client.post(of(here), { title: 'My routine', assigneeAgentId: agent.id, ...fields })

  test('It makes, changes, triggers and runs a routine of its own, and is woken by it', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const { status, body: routine } = await create(here, agent)
    expect(status).toBe(201)
    expect(routine).toMatchObject({ createdByAgentId: agent.id, createdByUserId: null })
    const { trigger } = await addTrigger(routine.id, { kind: 'schedule', cronExpression: '*/15 * * * *' }, agent.client)
    expect((await agent.client.patch(`/api/routine-triggers/${trigger.id}`, { label: 'Quarterly' })).status).toBe(200)
    expect((await agent.client.patch(`/api/routines/${routine.id}`, { title: 'Still mine' })).status).toBe(200)
    const run = await agent.client.post(`/api/routines/${routine.id}/run`, {})
    expect(run).toMatchObject({ status: 202, body: { status: 'issue_created' } })
    expect(await wakesOf(server(), run.body.linkedIssueId)).toMatchObject([{ agentId: agent.id, status: 'queued' }])
    expect((await agent.client.del(`/api/routine-triggers/${trigger.id}`)).status).toBe(204)
    expect((await auditsOf(server(), trigger.id)).map(({ action }) => action)).toEqual([
      'routine.trigger_created',
      'routine.trigger_updated',
      'routine.trigger_deleted',
    ])
  })

  test('It sees those of others and writes none of them, makes none for others, and gives its own to no other', async () => {
    const here = await world(server())
    const [agent, peer] = [await here.agent(), await here.agent({ role: 'ceo' })]
    const { body: mine } = await create(here, agent)
    const { trigger } = await addTrigger(mine.id, { kind: 'webhook' }, agent.client)
    expect((await peer.client.get(`/api/routines/${mine.id}`)).status).toBe(200)
    const refusals = [
      () => create(here, peer, { assigneeAgentId: agent.id }),
      () => create(here, peer, { assigneeAgentId: null }),
      () => peer.client.patch(`/api/routines/${mine.id}`, { title: 'Ours' }),
      () => peer.client.post(`/api/routines/${mine.id}/run`, {}),
      () => peer.client.post(`/api/routines/${mine.id}/triggers`, { kind: 'api' }),
      () => peer.client.patch(`/api/routine-triggers/${trigger.id}`, { enabled: false }),
      () => peer.client.del(`/api/routine-triggers/${trigger.id}`),
      () => peer.client.post(`/api/routine-triggers/${trigger.id}/rotate-secret`, {}),
      () => agent.client.patch(`/api/routines/${mine.id}`, { assigneeAgentId: peer.id }),
    ]
    for (const send of refusals) await expectRefused(server(), send, 403, 'not_self')
    await expectRefused(server(), () => agent.client.post(`${of(here)}/pause-all`), 403, 'board_required')
  })

  test('It resumes what it has paused and nothing that the board has stopped, and turns no trigger on that the board turned off', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const { body: routine } = await create(here, agent)
    const { trigger } = await addTrigger(routine.id, { kind: 'schedule', cronExpression: '0 9 * * *' }, agent.client)
    const patch = (client: TestAgent['client'], fields: Record<string, unknown>) => client.patch(`/api/routines/${routine.id}`, fields)
    expect((await patch(agent.client, { status: 'paused' })).body).toMatchObject({ status: 'paused', pauseReason: 'agent' })
    expect((await patch(agent.client, { status: 'active' })).body).toMatchObject({ status: 'active', pauseReason: null })
    expect((await patch(board(), { status: 'paused' })).body).toMatchObject({ pauseReason: 'board' })
    await expectRefused(server(), () => patch(agent.client, { status: 'active' }), 403, 'approval_required')
    // To archive it would be the agent's own stop, from which it could come back.
    await expectRefused(server(), () => patch(agent.client, { status: 'archived' }), 403, 'approval_required')
    await expectRefused(server(), () => agent.client.post(`/api/routines/${routine.id}/run`, {}), 409, 'conflict')
    await patch(board(), { status: 'active' })
    await board().patch(`/api/routine-triggers/${trigger.id}`, { enabled: false })
    const turn = (fields: Record<string, unknown>) => () => agent.client.patch(`/api/routine-triggers/${trigger.id}`, fields)
    await expectRefused(server(), turn({ enabled: true }), 403, 'approval_required')
    await expectRefused(server(), turn({ label: 'First my label, then on' }), 403, 'approval_required')
    await expectRefused(server(), () => agent.client.del(`/api/routine-triggers/${trigger.id}`), 403, 'approval_required')
    expect((await board().del(`/api/routine-triggers/${trigger.id}`)).status).toBe(204)
  })

  test('It stays within its quotas of routines, triggers and intervals; the board is not bound by them', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const { body: routine } = await create(here, agent)
    for (const cronExpression of ['* * * * *', '*/10 * * * *', '0,59 * * * *'])
      await expectRefused(
        server(),
        () => agent.client.post(`/api/routines/${routine.id}/triggers`, { kind: 'schedule', cronExpression }),
        422,
        'unprocessable',
      )
    const { trigger } = await addTrigger(routine.id, { kind: 'schedule', cronExpression: '0,30 * * * *' }, agent.client)
    await expectRefused(
      server(),
      () => agent.client.patch(`/api/routine-triggers/${trigger.id}`, { cronExpression: '*/5 * * * *' }),
      422,
      'unprocessable',
    )
    for (let count = 1; count < 4; count += 1) await addTrigger(routine.id, { kind: 'api' }, agent.client)
    await expectRefused(server(), () => agent.client.post(`/api/routines/${routine.id}/triggers`, { kind: 'api' }), 422, 'unprocessable')
    await addTrigger(routine.id, { kind: 'schedule', cronExpression: '* * * * *' }, board())
    for (let count = 1; count < 10; count += 1) expect((await create(here, agent)).status).toBe(201)
    await expectRefused(server(), () => create(here, agent), 422, 'unprocessable')
    await agent.client.patch(`/api/routines/${routine.id}`, { status: 'archived' })
    expect((await create(here, agent)).status).toBe(201)
  })

  test('A routine that comes back from the archive counts again: an agent has ten at work, whatever it archived or made archived', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const make = async (fields: Record<string, unknown> = {}) => {
      const { status, body } = await create(here, agent, fields)
      expect(status).toBe(201)
      return body.id as string
    }
    const set = (id: string, status: string) => agent.client.patch(`/api/routines/${id}`, { status })
    const laid: string[] = [await make({ status: 'archived' }), await make({ status: 'archived' })]
    for (let count = 0; count < 10; count += 1) laid.push(await make())
    for (const id of laid.slice(2, 4)) expect((await set(id, 'archived')).status).toBe(200)
    for (let count = 0; count < 2; count += 1) await make()
    for (const id of laid.slice(0, 4))
      for (const status of ['active', 'paused']) await expectRefused(server(), () => set(id, status), 422, 'unprocessable')
    await set(laid[5] ?? '', 'archived')
    const answers = await Promise.all(laid.slice(0, 4).map((id) => set(id, 'active')))
    expect(countByStatus(answers)).toEqual({ 200: 1, 422: 3 })
    // One that the board made does not count.
    const given = await createRoutine(server(), here, { assigneeAgentId: agent.id })
    for (const status of ['archived', 'active']) expect((await set(given.id, status)).status).toBe(200)
  })

  test('Archived routines of an agent do not fill the company, and an agent makes a hundred in all', async () => {
    const here = await world(server())
    const agent = await here.agent()
    await server().database.sql.query(
      `insert into routines (company_id, title, assignee_agent_id, status, pause_reason, created_by_agent_id)
         select $1, 'Old', $2, 'archived', 'agent', case when n > 500 then $2::uuid end from generate_series(1, 600) n`,
      [here.company.id, agent.id],
    )
    await expectRefused(server(), () => create(here, agent), 422, 'unprocessable')
    await expectRefused(server(), () => create(here, agent, { status: 'archived' }), 422, 'unprocessable')
    expect((await board().post(of(here), { title: 'Of the board' })).status).toBe(201)
  })
})

test('A trigger that is off takes no schedule that is none, and what it has can still be turned off', async () => {
  const here = await world(server())
  const { id } = await createRoutine(server(), here, { assigneeAgentId: (await here.agent()).id })
  const { trigger } = await addTrigger(id, { kind: 'schedule', cronExpression: '0 9 * * *', enabled: false }, board())
  const patch = (fields: Record<string, unknown>) => board().patch(`/api/routine-triggers/${trigger.id}`, fields)
  for (const fields of [{ cronExpression: 'every morning' }, { timezone: 'Mars/Olympus' }, { cronExpression: '0 0 31 2 *' }])
    await expectRefused(server(), () => patch(fields), 422, 'unprocessable')
  expect((await patch({ cronExpression: '0 8 * * *' })).status).toBe(200)
  expect((await patch({ enabled: true })).body.nextRunAt).not.toBeNull()
  await server().database.sql.query(`update routine_triggers set cron_expression = 'nonsense' where id = $1`, [trigger.id])
  expect((await patch({ enabled: false })).body).toMatchObject({ enabled: false, nextRunAt: null })
})

test('A schedule in a zone that another server knows and this one does not is shown without times, and its routine is resumed without it', async () => {
  const here = await world(server())
  const { id } = await createRoutine(server(), here, { assigneeAgentId: (await here.agent()).id })
  const { trigger } = await addTrigger(id, { kind: 'schedule', cronExpression: '0 9 * * *' }, board())
  await server().database.sql.query(`update routine_triggers set timezone = 'America/Atlantis' where id = $1`, [trigger.id])
  const detail = await board().get(`/api/routines/${id}`)
  expect(detail).toMatchObject({ status: 200, body: { triggers: [{ nextRunAt: trigger.nextRunAt, nextRunTimes: [] }] } })
  const set = (status: string) => board().patch(`/api/routines/${id}`, { status })
  expect((await set('paused')).status).toBe(200)
  await expectRefused(server(), () => set('active'), 422, 'unprocessable')
  expect((await board().patch(`/api/routine-triggers/${trigger.id}`, { enabled: false })).status).toBe(200)
  expect((await set('active')).status).toBe(200)
})

describe('pause all', () => {
  test('It pauses every active routine of one company, and resumes those and no other', async () => {
    const [here, elsewhere] = [await world(server()), await world(server())]
    const agent = await here.agent()
    const routines = [
      await createRoutine(server(), here, { assigneeAgentId: agent.id }),
      await createRoutine(server(), here, { assigneeAgentId: agent.id }),
    ]
    const other = await createRoutine(server(), elsewhere, {})
    await board().patch(`/api/routines/${routines[1].id}`, { status: 'paused' })
    const { trigger } = await addTrigger(routines[0].id, { kind: 'schedule', cronExpression: '0 9 * * *' }, board())
    const { body } = await board().post(`${of(here)}/pause-all`, { reason: 'A holiday' })
    expect(body).toEqual({ routineIds: [routines[0].id] })
    expect(await lastAudit(server(), here.company.id, 'routine.all_paused')).toMatchObject({
      details: { routineIds: [routines[0].id], reason: 'A holiday' },
    })
    expect((await board().get(`/api/routines/${routines[0].id}`)).body).toMatchObject({
      status: 'paused',
      pauseReason: 'pause_all',
      triggers: [{ nextRunAt: null }],
    })
    expect((await board().get(`/api/routines/${other.id}`)).body.status).toBe('active')
    await expectUnchanged(server(), () => board().post(`${of(here)}/pause-all`))
    expect((await board().post(`${of(here)}/resume-all`)).body).toEqual({ routineIds: [routines[0].id] })
    const [first, second] = await Promise.all(routines.map(async ({ id }) => (await board().get(`/api/routines/${id}`)).body))
    expect([first.status, second.status, first.triggers[0].nextRunAt]).toEqual(['active', 'paused', trigger.nextRunAt])
  })
})

describe('the end of what a routine belongs to', () => {
  test('An agent that is terminated or deleted takes the routines that it made for itself with it; those of the board wait, paused', async () => {
    for (const end of ['terminate', 'delete'] as const) {
      const here = await world(server())
      const agent = await here.agent()
      const own = (await agent.client.post(of(here), { title: 'Own', assigneeAgentId: agent.id })).body
      const given = await createRoutine(server(), here, { assigneeAgentId: agent.id })
      await addTrigger(own.id, { kind: 'schedule', cronExpression: '0 9 * * *' }, board())
      const answer =
        end === 'terminate' ? await board().post(`/api/agents/${agent.id}/terminate`) : await board().del(`/api/agents/${agent.id}`)
      expect(answer.status, answer.text).toBe(200)
      expect((await board().get(`/api/routines/${own.id}`)).body).toMatchObject({
        status: 'archived',
        pauseReason: 'agent_ended',
        triggers: [{ nextRunAt: null }],
      })
      expect((await board().get(`/api/routines/${given.id}`)).body).toMatchObject({ status: 'paused', pauseReason: 'agent_ended' })
      expect(await lastAudit(server(), given.id, 'routine.stopped')).toMatchObject({ details: { why: 'agent_ended', status: 'paused' } })
      const resume = (more: object) => () => board().patch(`/api/routines/${given.id}`, { status: 'active', ...more })
      if (end === 'terminate') await expectRefused(server(), resume({}), 409, 'agent_terminated')
      const { id: assigneeAgentId } = await here.agent()
      expect(await resume({ assigneeAgentId })()).toMatchObject({ status: 200, body: { status: 'active', assigneeAgentId } })
    }
  })

  test('A project that is deleted leaves its routines paused, a goal leaves them as they are, and a company takes them with it', async () => {
    const here = await world(server())
    const agent = await here.agent()
    const project = (await board().post(`/api/companies/${here.company.id}/projects`, { name: 'Post' })).body
    const goal = (await board().post(`/api/companies/${here.company.id}/goals`, { title: 'Answers' })).body
    const ofProject = await createRoutine(server(), here, { assigneeAgentId: agent.id, projectId: project.id })
    const ofGoal = await createRoutine(server(), here, { assigneeAgentId: agent.id, goalId: goal.id })
    expect((await board().get(`/api/routines/${ofProject.id}`)).body.project).toMatchObject({ id: project.id, name: 'Post' })
    expect((await board().del(`/api/projects/${project.id}`)).status).toBe(200)
    expect((await board().del(`/api/goals/${goal.id}`)).status).toBe(200)
    expect((await board().get(`/api/routines/${ofProject.id}`)).body).toMatchObject({
      projectId: null,
      status: 'paused',
      pauseReason: 'project_deleted',
    })
    expect((await board().get(`/api/routines/${ofGoal.id}`)).body).toMatchObject({ goalId: null, status: 'active' })
    await board().post(`/api/routines/${ofGoal.id}/run`, {})
    expect((await board().del(`/api/companies/${here.company.id}`)).status).toBe(200)
    const { rows } = await server().database.sql.query(
      'select 1 from routines where company_id = $1 union all select 1 from routine_runs where company_id = $1',
      [here.company.id],
    )
    expect(rows).toEqual([])
  })
})
