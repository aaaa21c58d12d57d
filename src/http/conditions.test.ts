import { beforeEach, describe, expect, test } from 'vitest'
import { declaredRoutes, namedRoutes } from '../dev/testing/declaredRoutes.ts'
import { race, countByStatus } from '../dev/testing/race.ts'
import { auditCount, useServer, world } from '../dev/testing/world.ts'
import type { World } from '../dev/testing/world.ts'

const server = useServer()
const board = () => server().board

let fixture: World
let paths: Readonly<Record<'agent' | 'company' | 'goal' | 'project', string>>
beforeEach(async () => {
  fixture = await world(server())
  const inCompany = (path: string) => `/api/companies/${fixture.company.id}/${path}`
  const goal = (await board().post(inCompany('goals'), { title: 'G' })).body
  const project = (await board().post(inCompany('projects'), { name: 'P' })).body
  const agent = await fixture.agent()
  paths = {
    agent: `/api/agents/${agent.id}`,
    company: `/api/companies/${fixture.company.id}`,
    goal: `/api/goals/${goal.id}`,
    project: `/api/projects/${project.id}`,
  }
})

const changes = { agent: 'title', company: 'description', goal: 'description', project: 'description' } as const
const rows = Object.keys(changes) as (keyof typeof changes)[]
const change = (row: keyof typeof changes, value: string, headers: Record<string, string>) =>
  board().patch(paths[row], { [changes[row]]: value }, headers)

describe('conditions of a request', () => {
  test.each(rows)(
    'A change of a %s with If-Match is made to the version that was read, and else 412 with the row as it is (K36)',
    async (row) => {
      const tag = (await board().get(paths[row])).headers['etag'] ?? ''
      expect(tag).toMatch(/^"[^"]+"$/)
      const made = await change(row, 'first', { 'if-match': tag })
      expect(made, made.text).toMatchObject({ status: 200, body: { [changes[row]]: 'first' } })
      const before = await auditCount(server())
      const late = await change(row, 'second', { 'if-match': tag })
      expect(late, late.text).toMatchObject({ status: 412, body: { code: 'precondition_failed', [row]: { [changes[row]]: 'first' } } })
      expect(await auditCount(server())).toBe(before)
      expect(await change(row, 'third', { 'if-match': made.headers['etag'] ?? '' })).toMatchObject({ status: 200 })
      expect(await change(row, 'fourth', { 'if-match': '*' })).toMatchObject({ status: 200 })
      expect(await change(row, 'fifth', { 'if-match': 'no tag' })).toMatchObject({ status: 400, body: { code: 'malformed_header' } })
    },
  )

  test.each(rows)('Of many changes of one version of a %s exactly one is made (K36)', async (row) => {
    const tag = (await board().get(paths[row])).headers['etag'] ?? ''
    const answers = await race(['a', 'b', 'c', 'd', 'e'], (value) => change(row, value, { 'if-match': tag }))
    expect(countByStatus(answers)).toEqual({ 200: 1, 412: 4 })
  })

  test.each(rows)('No two changes of a %s have one tag, also when they began in the same millisecond (K36)', async (row) => {
    const answers = await race(
      Array.from({ length: 24 }, (_, at) => `change ${at}`),
      (value) => change(row, value, {}),
    )
    expect(countByStatus(answers)).toEqual({ 200: 24 })
    expect(new Set(answers.map(({ headers }) => headers['etag'])).size).toBe(24)
  })

  test('The tag of a GET changes with everything that the answer shows, and the one before still names the version of the row (K36)', async () => {
    const manager = await fixture.agent()
    await board().patch(paths.agent, { reportsTo: manager.id })
    const blocker = await fixture.issue()
    const issue = `/api/issues/${(await fixture.issue({ blockedByIssueIds: [blocker.id] })).id}`
    const others = [
      [paths.agent, 'title', () => board().patch(`/api/agents/${manager.id}`, { title: 'Chief' })],
      [issue, 'title', () => board().patch(`/api/issues/${blocker.id}`, { status: 'in_review', assigneeUserId: 'local-board' })],
      [paths.project, 'description', () => board().post(`${paths.project}/workspaces`, { name: 'W', cwd: '/srv/w' })],
      [paths.company, 'description', () => fixture.issue()],
    ] as const
    for (const [path, field, changeElsewhere] of others) {
      const first = await board().get(path)
      const tag = first.headers['etag'] ?? ''
      await changeElsewhere()
      const second = await board().get(path, { 'if-none-match': tag })
      expect(second.status, path).toBe(200)
      expect(second.body, path).not.toEqual(first.body)
      expect((await board().get(path, { 'if-none-match': second.headers['etag'] ?? '' })).status, path).toBe(304)
      expect((await board().patch(path, { [field]: 'mine' }, { 'if-match': tag })).status, path).toBe(200)
      expect((await board().patch(path, { [field]: 'late' }, { 'if-match': tag })).status, path).toBe(412)
    }
  })

  test('A refused change shows an agent its row as that agent may see it (K36)', async () => {
    const target = await fixture.agent({ adapterConfig: { command: 'sh', env: { KEY: 'hunter2' } } })
    const ceo = await fixture.agent({ role: 'ceo' })
    const answer = await ceo.client.patch(`/api/agents/${target.id}`, { title: 'x' }, { 'if-match': '"other"' })
    expect(answer).toMatchObject({ status: 412, body: { agent: { id: target.id } } })
    expect(answer.text).not.toContain('hunter2')
  })

  test.each([...rows, 'issue' as const])('A GET of a %s with the tag of If-None-Match is 304 until the row changes (K36)', async (row) => {
    const path = row === 'issue' ? `/api/issues/${(await fixture.issue()).id}` : paths[row]
    const first = await board().get(path)
    const tag = first.headers['etag'] ?? ''
    for (const given of [tag, `"other", ${tag}`, `W/${tag}`, '*']) {
      const again = await board().get(path, { 'if-none-match': given })
      expect(again.status, given).toBe(304)
      expect(again.headers['etag']).toBe(tag)
    }
    expect((await board().get(path, { 'if-none-match': '"other"' })).status).toBe(200)
    await board().patch(path, row === 'issue' ? { title: 'changed' } : { [changes[row]]: 'changed' })
    expect((await board().get(path, { 'if-none-match': tag })).status).toBe(200)
  })

  const silent = declaredRoutes().filter(({ refuses }) => !refuses.includes('precondition_failed'))
  test('A condition that a route does not evaluate is refused, and nothing is done (K36)', async () => {
    const { id } = await fixture.issue()
    const before = await auditCount(server())
    for (const [path, header] of [
      [`/api/issues/${id}/comments`, 'if-match'],
      [`/api/issues/${id}/comments`, 'if-none-match'],
      [`${paths.agent}/pause`, 'if-match'],
      [`${paths.company}/archive`, 'if-match'],
      [`${paths.company}/approvals`, 'if-match'],
    ] as const)
      expect(await board().post(path, { body: 'x', type: 'approve_ceo_strategy', payload: {} }, { [header]: '"1"' }), path).toMatchObject({
        status: 400,
        body: { code: 'malformed_header' },
      })
    for (const row of ['goal', 'project', 'agent'] as const)
      expect(await board().del(paths[row], { 'if-match': '"1"' })).toMatchObject({ status: 400, body: { code: 'malformed_header' } })
    expect(await auditCount(server())).toBe(before)
  })

  test.each(namedRoutes(silent))('%s declares no condition and reads none (K36)', (_, route) => {
    expect(route.handle.toString()).not.toContain('preconditions')
  })

  const evaluating = declaredRoutes().filter(({ refuses }) => refuses.includes('precondition_failed'))
  test.each(namedRoutes(evaluating))('%s declares a condition and reads it (K36)', (_, route) => {
    expect(route.handle.toString()).toMatch(/preconditions/)
  })
})
