import { describe, expect, test } from 'vitest'
import { addTrigger, createRoutine, passUntil, runsOf } from '../../dev/testing/routines.ts'
import { actionsOf, auditCount, useServer, world } from '../../dev/testing/world.ts'
import { tickRoutines } from '../routines/index.ts'

const server = useServer()
const board = () => server().board

type Files = Record<string, string>
const include = { company: true, agents: true, projects: true, issues: true }

async function exported(companyId: string): Promise<{ files: Files; warnings: string[]; manifest: { routines: unknown[] } }> {
  const answer = await board().post(`/api/companies/${companyId}/export`, { include })
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

const send = (files: Files, fields: Record<string, unknown> = {}) =>
  board().post('/api/companies/import', {
    source: { type: 'inline', files },
    target: { mode: 'new_company', newCompanyName: 'Copy' },
    ...fields,
  })

/** A company with a routine that has a trigger of each kind. */
async function setup() {
  const here = await world(server())
  const { company, agent, issue } = here
  const ada = await agent({ name: 'Ada' })
  const project = (await board().post(`/api/companies/${company.id}/projects`, { name: 'Post' })).body
  const goal = (await board().post(`/api/companies/${company.id}/goals`, { title: 'Answers' })).body
  const parent = await issue({ title: 'Letters' })
  const routine = await createRoutine(server(), here, {
    title: 'Answer the letters',
    description: 'For {{name}}',
    assigneeAgentId: ada.id,
    projectId: project.id,
    goalId: goal.id,
    parentIssueId: parent.id,
    priority: 'high',
    concurrencyPolicy: 'always_enqueue',
    catchUpPolicy: 'enqueue_missed_with_cap',
    variables: [{ name: 'name', defaultValue: 'all' }],
  })
  await addTrigger(routine.id, { kind: 'schedule', cronExpression: '0 9 * * 1', timezone: 'Europe/Berlin', label: 'Mondays' }, board())
  const webhook = await addTrigger(routine.id, { kind: 'webhook', signingMode: 'hmac_sha256', replayWindowSec: 60 }, board())
  await addTrigger(routine.id, { kind: 'api', enabled: false }, board())
  // With the title of an issue: both are tasks, and their folders differ.
  await createRoutine(server(), here, { title: 'Letters', status: 'paused' })
  await createRoutine(server(), here, { title: 'Of old', status: 'archived' })
  return { ...here, routine, webhook }
}

describe('routines in a package', () => {
  test('They come back with their triggers, and no address and no secret of a webhook leaves the company', async () => {
    const { company, webhook, routine } = await setup()
    const first = await exported(company.id)
    expect(Object.keys(first.files).filter((path) => path.startsWith('tasks/'))).toEqual([
      'tasks/answer-the-letters/TASK.md',
      'tasks/letters-2/TASK.md',
      'tasks/letters/TASK.md',
    ])
    expect(first.files['tasks/answer-the-letters/TASK.md']).toMatch(/recurring: true/)
    for (const hidden of [webhook.secretMaterial.webhookSecret, webhook.trigger.publicId, routine.id])
      expect(JSON.stringify(first)).not.toContain(hidden)
    expect(first.warnings).toContainEqual(expect.stringContaining('secrets and addresses'))
    expect(first.manifest.routines).toMatchObject([
      {
        slug: 'answer-the-letters',
        assigneeAgentSlug: 'ada',
        projectSlug: 'post',
        status: 'active',
        triggers: [{ kind: 'schedule' }, {}, {}],
      },
      { slug: 'letters-2', status: 'paused', triggers: [] },
    ])
    const copy = await send(first.files, { target: { mode: 'new_company' } })
    expect(copy.status, copy.text).toBe(200)
    expect(copy.body.warnings).toEqual(
      expect.arrayContaining([
        'tasks/answer-the-letters/TASK.md: has a schedule and will run after the import',
        expect.stringContaining('rotate the secrets of its 1 webhook(s)'),
      ]),
    )
    expect(copy.body.issues).toHaveLength(1)
    expect(copy.body.routines).toMatchObject([
      { slug: 'answer-the-letters', action: 'created' },
      { slug: 'letters-2', action: 'created' },
    ])
    const detail = (await board().get(`/api/routines/${copy.body.routines[0].id}`)).body
    expect(detail).toMatchObject({
      title: 'Answer the letters',
      status: 'active',
      priority: 'high',
      description: 'For {{name}}',
      assignee: { id: copy.body.agents[0].id },
      parentIssue: { id: copy.body.issues[0].id },
      project: { name: 'Post' },
      variables: [{ name: 'name', defaultValue: 'all' }],
      triggers: [
        { cronExpression: '0 9 * * 1', label: 'Mondays' },
        { signingMode: 'hmac_sha256', replayWindowSec: 60 },
        { enabled: false },
      ],
    })
    expect(detail.goalId).not.toBeNull()
    expect(detail.triggers[0].nextRunAt).not.toBeNull()
    expect(await actionsOf(server(), detail.id)).toEqual(['routine.created'])
    expect(await actionsOf(server(), detail.triggers[0].id)).toEqual(['routine.trigger_created'])
    expect((await exported(copy.body.company.id)).files).toEqual(first.files)
    const rotated = await board().post(`/api/routine-triggers/${detail.triggers[1].id}/rotate-secret`, {})
    expect(rotated.body.secretMaterial.webhookUrl).not.toBe(webhook.secretMaterial.webhookUrl)
    expect((await board().post(`/api/routines/${detail.id}/run`, {})).body).toMatchObject({ status: 'issue_created' })
  })

  test('A task that another program wrote as recurring is a routine, and fires its schedule', async () => {
    const files = {
      'agents/ceo/AGENTS.md': '---\nname: CEO\n---\n',
      'projects/q2/PROJECT.md': '---\nname: Q2\n---\n',
      'projects/q2/tasks/review/TASK.md':
        '---\nname: Monday review\nassignee: ../../../../agents/ceo/AGENTS.md\nrecurring: true\n---\n\nLook at it.\n',
      '.paperclip.yaml':
        'routines:\n  review:\n    triggers:\n      - {kind: schedule, cronExpression: "*/10 * * * *", timezone: America/Chicago}\n',
    }
    const { status, body, text } = await send(files)
    expect(status, text).toBe(200)
    expect([body.issues, body.routines]).toMatchObject([[], [{ slug: 'review', title: 'Monday review' }]])
    const { id } = body.routines[0]
    const detail = (await board().get(`/api/routines/${id}`)).body
    expect(detail).toMatchObject({ description: 'Look at it.', assigneeAgentId: body.agents[0].id, projectId: body.projects[0].id })
    await passUntil(server(), detail.triggers[0].nextRunAt)
    await tickRoutines(server().store)
    expect(await runsOf(server(), id)).toMatchObject([{ status: 'issue_created', source: 'schedule' }])
  })

  test.each([
    ['a text that is no schedule', 'triggers: [{kind: schedule, cronExpression: every morning}]', /five fields/],
    ['a zone that does not exist', 'triggers: [{kind: schedule, cronExpression: "0 9 * * *", timezone: Mars/Olympus}]', /time zone/],
    [
      'a schedule and a variable without a default',
      'variables: [{name: a}], triggers: [{kind: schedule, cronExpression: "0 9 * * *"}]',
      /default/,
    ],
    ['a trigger of an unknown kind', 'triggers: [{kind: phone}]', /triggers/],
    ['more triggers than a routine has', `triggers: [${'{kind: api},'.repeat(21)}]`, /triggers/],
  ])('A package with %s is refused and writes nothing', async (_, routine, problem) => {
    const before = await auditCount(server())
    const answer = await send({ 'tasks/t/TASK.md': '---\nrecurring: true\n---\n', '.paperclip.yaml': `routines: {t: {${routine}}}` })
    expect(answer).toMatchObject({ status: 422, body: { code: 'package_invalid' } })
    expect(answer.body.details.errors.join('\n')).toMatch(problem)
    expect(await auditCount(server())).toBe(before)
  })

  test('Where rows are skipped or replaced, a routine with the title of an existing one is not made a second time', async () => {
    const { company } = await setup()
    const { files } = await exported(company.id)
    for (const collisionStrategy of ['skip', 'replace']) {
      const target = { mode: 'existing_company', companyId: company.id }
      const preview = await board().post('/api/companies/import/preview', { source: { type: 'inline', files }, target, collisionStrategy })
      expect(preview.body.plan.routinePlans).toMatchObject([{ action: 'skip', existingRoutineId: expect.any(String) }, { action: 'skip' }])
      const answer = await send(files, { target, collisionStrategy })
      expect(answer.body.routines, answer.text).toMatchObject([{ action: 'skipped' }, { action: 'skipped' }])
    }
    expect((await board().get(`/api/companies/${company.id}/routines`)).body).toHaveLength(3)
  })

  test('An agent that imports a package gets no routine of it, and its answer says so', async () => {
    const here = await world(server())
    const ceo = await here.agent({ role: 'ceo' })
    const of = `/api/companies/${here.company.id}/imports/apply`
    const files = { 'tasks/t/TASK.md': '---\nrecurring: true\n---\n', 'tasks/u/TASK.md': '---\ntitle: Once\n---\n' }
    const target = { mode: 'existing_company', companyId: here.company.id }
    const answer = await ceo.client.post(of, { source: { type: 'inline', files }, target })
    expect(answer, answer.text).toMatchObject({ status: 200, body: { issues: [{ title: 'Once' }], routines: [] } })
    expect(answer.body.warnings).toContainEqual('1 routine(s) are ignored, because only the board may import them')
    expect((await board().get(`/api/companies/${here.company.id}/routines`)).body).toEqual([])
  })
})
