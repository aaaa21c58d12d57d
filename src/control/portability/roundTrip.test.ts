import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { upload } from '../../dev/testing/files.ts'
import { actionsOf, auditCount, useServer, world } from '../../dev/testing/world.ts'
import { yamlOf } from '../../dev/testing/yamlText.ts'

const server = useServer()

type Files = Record<string, string>
const everything = { company: true, agents: true, projects: true, issues: true }

async function exported(companyId: string): Promise<{ files: Files; warnings: string[] }> {
  const answer = await server().board.post(`/api/companies/${companyId}/export`, { include: everything })
  expect(answer.status, answer.text).toBe(200)
  return answer.body as { files: Files; warnings: string[] }
}

const send = (files: Files, target: object = { mode: 'new_company' }) =>
  server().board.post('/api/companies/import', { source: { type: 'inline', files }, target })

interface Imported {
  readonly company: { id: string }
  readonly agents: { slug: string; id: string }[]
  readonly issues: { slug: string; id: string }[]
  readonly projects: { slug: string; id: string }[]
  readonly warnings: string[]
}

async function imported(files: Files): Promise<Imported> {
  const answer = await send(files)
  expect(answer.status, answer.text).toBe(200)
  return answer.body as Imported
}

/** A company whose issue has each kind of part. */
async function setup() {
  const testWorld = await world(server())
  const { company, agent, issue } = testWorld
  const post = async (path: string, body: unknown, status = 201) => {
    const answer = await server().board.post(`/api${path}`, body)
    expect(answer.status, answer.text).toBe(status)
    return answer.body
  }
  const ada = await agent({ name: 'Ada' })
  const top = await post(`/companies/${company.id}/goals`, { title: 'Be known', level: 'company', status: 'active', description: 'Why' })
  const part = await post(`/companies/${company.id}/goals`, { title: 'Ship it', parentId: top.id, ownerAgentId: ada.id })
  const project = await post(`/companies/${company.id}/projects`, { name: 'Web', goalIds: [part.id, top.id] })
  const task = await issue({ title: 'Build', goalId: part.id, projectId: project.id })
  const put = async (key: string, body: object) => {
    const answer = await server().board.put(`/api/issues/${task.id}/documents/${key}`, { format: 'markdown', ...body })
    expect(answer.status, answer.text).toBeLessThan(300)
    return answer.body
  }
  const first = await put('plan', { title: 'The plan', body: 'First\r\n\n---\nkey sk-1234567890abcdefghij' })
  await put('plan', { title: 'The plan', body: 'Second, key sk-1234567890abcdefghij', baseRevisionId: first.latestRevisionId })
  await put('notes', { body: '' })
  await post(`/issues/${task.id}/work-products`, {
    type: 'pull_request',
    provider: 'github',
    title: 'A change',
    url: 'https://example.invalid/1',
    isPrimary: true,
    metadata: { branch: 'main', apiToken: 'hidden-in-metadata' },
  })
  for (const body of ['One', 'Two']) await post(`/issues/${task.id}/comments`, { body })
  expect((await upload(server(), server().board, `/api/companies/${company.id}/issues/${task.id}/attachments`)).status).toBe(201)
  await post(`/issues/${task.id}/interactions`, { kind: 'request_confirmation', payload: { prompt: 'Ship it?' } })
  const [{ id: targetId }] = (await server().board.get(`/api/issues/${task.id}/comments`)).body
  await post(`/issues/${task.id}/feedback-votes`, { targetType: 'issue_comment', targetId, vote: 'up' })
  await issue({ title: 'Ask', assigneeUserId: 'local-board', assigneeAdapterOverrides: { adapterConfig: { model: 'm' } } })
  const logo = await upload(server(), server().board, `/api/companies/${company.id}/logo`, { type: 'image/png' })
  expect(await server().board.patch(`/api/companies/${company.id}`, { logoAssetId: logo.body.assetId })).toMatchObject({ status: 200 })
  return { company, task }
}

const text = fc.string({ unit: fc.constantFrom(...Array.from('ab Z09:#\'"{}[],&*!|>%@`äß日🙂?.-\n')), minLength: 1, maxLength: 30 })
const line = fc.string({ unit: fc.constantFrom(...Array.from('abZ09:#\'"{}[]&*!|>%@`äß日🙂?.-')), minLength: 1, maxLength: 20 })
const key = fc.constantFrom('plan', 'notes', '007', 'true')
const contents = fc.record({
  company: fc.record({ name: line, description: text }),
  agents: fc.uniqueArray(fc.record({ name: line, title: text, role: fc.constantFrom('engineer', 'qa') }), {
    maxLength: 3,
    selector: ({ name }) => name.toLowerCase(),
  }),
  goals: fc.uniqueArray(fc.record({ title: line, description: text, level: fc.constantFrom('company', 'team') }), {
    maxLength: 2,
    selector: ({ title }) => title.toLowerCase(),
  }),
  tasks: fc.array(
    fc.record({
      title: line,
      description: text,
      labels: fc.uniqueArray(fc.constantFrom('x', '1', 'true'), { maxLength: 2 }),
      documents: fc.uniqueArray(fc.record({ key, title: line, body: text }), { maxLength: 2, selector: (document) => document.key }),
      workProducts: fc.array(fc.record({ type: fc.constant('branch'), provider: line, title: line, summary: text }), { maxLength: 2 }),
    }),
    { maxLength: 3 },
  ),
})

describe('a round trip of a company (K21)', () => {
  test('Documents, work products and goals come back, and what a package does not contain is counted in warnings', async () => {
    const { company } = await setup()
    const first = await exported(company.id)
    expect(first.warnings).toEqual(
      expect.arrayContaining([
        '2 comment(s) of the issues are not exported',
        '1 attachment(s) of the issues are not exported',
        '1 earlier revision(s) of documents are not exported',
        '1 question(s) of the issues are not exported',
        '1 vote(s) on comments and documents are not exported',
        '1 issue(s) are assigned to people, who are not exported',
        '1 issue(s) have an adapter or a workspace of their own, which is not exported',
        'The logo of the company is not exported',
      ]),
    )
    for (const secret of ['sk-1234567890abcdefghij', 'hidden-in-metadata']) expect(JSON.stringify(first)).not.toContain(secret)
    const copy = await imported(first.files)
    expect((await exported(copy.company.id)).files).toEqual(first.files)
    const issueId = copy.issues[0]?.id ?? ''
    const { body: issue } = await server().board.get(`/api/issues/${issueId}`)
    expect(issue).toMatchObject({ goal: { title: 'Ship it' }, workProducts: [{ title: 'A change', isPrimary: true }] })
    const { body: plan } = await server().board.get(`/api/issues/${issueId}/documents/plan`)
    expect(plan).toMatchObject({ title: 'The plan', body: expect.stringContaining('Second, key') as string, latestRevisionNumber: 1 })
    const { body: goals } = await server().board.get(`/api/companies/${copy.company.id}/goals`)
    const idOf = (title: string) => goals.find((goal: { title: string }) => goal.title === title)?.id
    expect(goals).toHaveLength(2)
    expect(goals).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ title: 'Ship it', parentId: idOf('Be known'), ownerAgentId: copy.agents[0]?.id }),
        expect.objectContaining({ title: 'Be known', level: 'company', status: 'active', description: 'Why' }),
      ]),
    )
    const { body: project } = await server().board.get(`/api/projects/${copy.projects[0]?.id}`)
    expect(project).toMatchObject({ goalId: idOf('Ship it'), goalIds: [idOf('Ship it'), idOf('Be known')] })
    expect((await actionsOf(server(), issueId)).toSorted()).toEqual([
      'issue.created',
      'issue.document_created',
      'issue.document_created',
      'issue.work_product_created',
    ])
  })

  test('Agents whose names ask for one shortname keep theirs, also where one in between is gone', async () => {
    const { company, agent } = await world(server())
    const made = []
    for (const name of ['bß', 'bä', 'bö', 'bü', 'Ada']) made.push(await agent({ name }))
    await server().board.post(`/api/agents/${made[1]?.id}/terminate`)
    const first = await exported(company.id)
    const copy = await imported(first.files)
    expect((await exported(copy.company.id)).files).toEqual(first.files)
    const { body } = await server().board.get(`/api/companies/${copy.company.id}/agents`)
    expect(Object.fromEntries(body.map(({ name, urlKey }: { name: string; urlKey: string }) => [name, urlKey]))).toEqual({
      bß: 'b',
      bö: 'b-3',
      bü: 'b-4',
      Ada: 'ada',
    })
  })

  test('A goal of the company with the same title is used and stays as it is', async () => {
    const { company } = await world(server())
    const old = await server().board.post(`/api/companies/${company.id}/goals`, { title: 'be KNOWN', level: 'team' })
    const files = {
      'tasks/t/TASK.md': '---\ngoal: top\n---\n',
      '.paperclip.yaml': 'goals:\n  top: {title: Be known, level: company}\n  low: {title: Low, parent: top, owner: zoe}\n',
    }
    const answer = await send(files, { mode: 'existing_company', companyId: company.id })
    expect(answer.body.warnings).toEqual([
      '.paperclip.yaml: goals.top: a goal with this title exists and is used',
      '.paperclip.yaml: goals.low: its owner zoe does not exist',
    ])
    expect((await server().board.get(`/api/issues/${answer.body.issues[0].id}`)).body.goal).toMatchObject({ id: old.body.id })
    expect((await server().board.get(`/api/goals/${old.body.id}`)).body).toMatchObject({ title: 'be KNOWN', level: 'team' })
  })

  test.each([
    ['goals below each other', 'goals: {a: {parent: b}, b: {parent: a}}', /goals\.a: is below itself/],
    ['one document twice', 'tasks: {t: {documents: [{key: a, body: x}, {key: a, body: y}]}}', /same key/],
    [
      'two primary work products',
      'tasks: {t: {workProducts: [{type: branch, provider: git, title: a, isPrimary: true}, {type: branch, provider: git, title: b, isPrimary: true}]}}',
      /one primary/,
    ],
    ['a work product that is a script', 'tasks: {t: {workProducts: [{type: branch, provider: g, title: a, url: "javascript:1"}]}}', /url/],
  ])('A package with %s is refused and writes nothing', async (_, extension, problem) => {
    const before = await auditCount(server())
    const answer = await send({ 'tasks/t/TASK.md': '', '.paperclip.yaml': extension })
    expect(answer).toMatchObject({ status: 422, body: { code: 'package_invalid' } })
    expect(answer.body.details.errors.join('\n')).toMatch(problem)
    expect(await auditCount(server())).toBe(before)
  })

  test('A package of any shape is exported as it was imported', { timeout: 180_000 }, async () => {
    const styles = fc.constantFrom(
      { collectionStyle: 'block' } as const,
      { collectionStyle: 'flow' } as const,
      { defaultStringType: 'BLOCK_LITERAL' } as const,
      { defaultStringType: 'QUOTE_SINGLE', lineWidth: 20 } as const,
    )
    const property = fc.asyncProperty(contents, styles, async ({ company, agents, goals, tasks }, style) => {
      const shape = (value: unknown): string => yamlOf(value, style)
      const files: Files = {
        'COMPANY.md': `---\n${shape(company)}---\n`,
        ...Object.fromEntries(agents.map((agent, at) => [`agents/a${at}/AGENTS.md`, `---\n${shape(agent)}---\n\nText ${at}\n`])),
        ...Object.fromEntries(
          tasks.map(({ title, description, labels }, at) => [
            `tasks/t${at}/TASK.md`,
            `---\n${shape({ title, labels, assignee: agents.length > 0 ? 'a0' : null })}---\n\n${description}\n`,
          ]),
        ),
        '.paperclip.yaml': shape({
          goals: Object.fromEntries(goals.map((goal, at) => [`g${at}`, goal])),
          tasks: Object.fromEntries(
            tasks.map(({ documents, workProducts }, at) => [`t${at}`, { documents, workProducts, goal: goals.length > 0 ? 'g0' : null }]),
          ),
        }),
      }
      const [first] = [await exported((await imported(files)).company.id)]
      const second = await exported((await imported(first.files)).company.id)
      expect(second.files).toEqual(first.files)
      expect(second.warnings).toEqual(first.warnings)
      const extension = JSON.parse(first.files['.paperclip.yaml'] ?? '')
      const given = tasks.flatMap(({ documents }) => documents.map(({ body }) => body))
      const kept = Object.values(extension.tasks ?? {}).flatMap((task) => (task as { documents?: { body: string }[] }).documents ?? [])
      expect(kept.map(({ body }) => body).toSorted()).toEqual(given.toSorted())
      expect(Object.values(extension.goals ?? {})).toHaveLength(goals.length)
    })
    await fc.assert(property, { numRuns: 12 })
  })
})
