import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { countDeadlocks, holdRow, keyClientForRun, expectRefused, expectUnchanged, waitForLockWaiter } from '../../dev/testing/holds.ts'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, expireLease, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

const branch = (fields: Record<string, unknown> = {}) => ({ type: 'branch', provider: 'git', title: 'A branch', ...fields })

async function setup() {
  const base = await world(server())
  const { id } = await base.issue()
  return { ...base, issueId: id, path: `/api/issues/${id}/work-products` }
}

/** Titles in the order of the list, the primary one marked. */
const titlesOf = (rows: readonly { title: string; isPrimary: boolean }[]): string[] =>
  rows.map(({ title, isPrimary }) => (isPrimary ? `${title} (primary)` : title))

describe('work products', () => {
  test('A work product with the required fields alone gets defaults for the others, and its audit row has a summary', async () => {
    const { path, issueId, company, agent, run } = await setup()
    const author = await run(await agent())
    const made = await author.client.post(path, branch())
    expect(made).toMatchObject({
      status: 201,
      body: {
        companyId: company.id,
        issueId,
        type: 'branch',
        provider: 'git',
        title: 'A branch',
        status: 'active',
        reviewState: 'none',
        isPrimary: false,
        healthStatus: 'unknown',
        createdByRunId: author.id,
      },
    })
    const nothing = ['projectId', 'executionWorkspaceId', 'runtimeServiceId', 'externalId', 'url', 'summary', 'metadata']
    for (const field of nothing) expect(made.body).toHaveProperty(field, null)
    expect(await lastAudit(server(), issueId, 'issue.work_product_created')).toMatchObject({
      actorId: author.agentId,
      runId: author.id,
      details: { workProductId: made.body.id, type: 'branch', title: 'A branch', isPrimary: false, demotedWorkProductId: null },
    })
    expect((await author.client.get(path)).body).toEqual([made.body])
  })

  test('All fields are stored, shown by the issue, changed and deleted; each write adds an audit row and changes the entity tag of the issue', async () => {
    const { path, issueId, company, agent, run } = await setup()
    const { body: project } = await server().board.post(`/api/companies/${company.id}/projects`, { name: 'Site' })
    const { id: runId } = await run(await agent())
    const input = branch({
      type: 'pull_request',
      status: 'ready_for_review',
      reviewState: 'needs_board_review',
      healthStatus: 'healthy',
      isPrimary: true,
      url: 'https://example.invalid/pull/7?a=b#c',
      externalId: '7',
      summary: 'Adds a page',
      metadata: { checks: [{ name: 'test', ok: true }] },
      projectId: project.id.toUpperCase(),
      createdByRunId: runId,
      executionWorkspaceId: null,
      runtimeServiceId: null,
    })
    const made = await server().board.post(path, input)
    expect(made).toMatchObject({ status: 201, body: { ...input, projectId: project.id } })
    const issue = await server().board.get(`/api/issues/${issueId}`)
    expect(issue.body.workProducts).toEqual([made.body])
    const one = `/api/work-products/${made.body.id}`
    const changed = await server().board.patch(one, { status: 'merged', url: null, metadata: null, summary: '' })
    expect(changed).toMatchObject({
      status: 200,
      body: { ...made.body, status: 'merged', url: null, metadata: null, summary: '', updatedAt: expect.any(String) },
    })
    const after = await server().board.get(`/api/issues/${issueId}`)
    expect(after.body.workProducts).toEqual([changed.body])
    expect(after.headers['etag']).not.toBe(issue.headers['etag'])
    const { details } = await lastAudit(server(), issueId, 'issue.work_product_updated')
    expect(details).toMatchObject({ workProductId: made.body.id, status: 'merged', changedKeys: ['status', 'url', 'summary', 'metadata'] })
    expect(JSON.stringify(details)).not.toContain('example.invalid')
    await expectUnchanged(server(), () => server().board.patch(one, { status: 'merged', isPrimary: true, url: null }))
    expect(await server().board.del(one)).toMatchObject({ status: 200, body: changed.body })
    expect(await lastAudit(server(), issueId, 'issue.work_product_deleted')).toMatchObject({ details: { workProductId: made.body.id } })
    expect((await server().board.get(path)).body).toEqual([])
    await expectRefused(server(), () => server().board.del(one), 404, 'not_found')
    await expectRefused(server(), () => server().board.patch(one, { title: 'x' }), 404, 'not_found')
  })

  test('The primary work product is listed first, then the newest, and a new primary one replaces the previous one', async () => {
    const { path, issueId } = await setup()
    const first = (await server().board.post(path, branch({ title: 'first', isPrimary: true }))).body
    await server().board.post(path, branch({ title: 'second' }))
    const third = (await server().board.post(path, branch({ title: 'third', type: 'commit' }))).body
    expect(titlesOf((await server().board.get(path)).body)).toEqual(['first (primary)', 'third', 'second'])
    const { body: issue } = await server().board.get(`/api/issues/${issueId}`)
    expect(titlesOf(issue.workProducts)).toEqual(['first (primary)', 'third', 'second'])
    await server().board.patch(`/api/work-products/${third.id}`, { isPrimary: true })
    expect((await lastAudit(server(), issueId, 'issue.work_product_updated')).details).toMatchObject({ demotedWorkProductId: first.id })
    expect(titlesOf((await server().board.get(path)).body)).toEqual(['third (primary)', 'second', 'first'])
    await server().board.post(path, branch({ title: 'fourth', isPrimary: true }))
    expect((await lastAudit(server(), issueId, 'issue.work_product_created')).details).toMatchObject({ demotedWorkProductId: third.id })
    await server().board.patch(`/api/work-products/${third.id}`, { isPrimary: false })
    expect(titlesOf((await server().board.get(path)).body)).toEqual(['fourth (primary)', 'third', 'second', 'first'])
  })

  test('Sixteen concurrent writes of primary work products all succeed, and one stays primary', async () => {
    const { path, issueId } = await setup()
    const titles = Array.from({ length: 8 }, (_, n) => `made ${n}`)
    const made = await race(titles, (title) => server().board.post(path, branch({ title, isPrimary: true })))
    expect(countByStatus(made)).toEqual({ 201: 8 })
    const both = [...made.map(({ body }) => `/api/work-products/${body.id}`), ...titles.map(() => path)]
    const answers = await race(both, (at) =>
      at === path ? server().board.post(path, branch({ isPrimary: true })) : server().board.patch(at, { isPrimary: true }),
    )
    expect(answers.every(({ status }) => status < 300)).toBe(true)
    const listed = (await server().board.get(path)).body
    expect(listed).toHaveLength(16)
    expect(listed.filter((row: { isPrimary: boolean }) => row.isPrimary)).toEqual([listed[0]])
    expect((await actionsOf(server(), issueId)).filter((action) => action === 'issue.work_product_created')).toHaveLength(16)
  })

  test('Every write of an agent is checked by the write gate', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const made = await holder.client.post(`/api/issues/${issue.id}/work-products`, branch())
    expect(made.status).toBe(201)
    const one = `/api/work-products/${made.body.id}`
    const stranger = await run(await agent())
    const second = await run(owner)
    type Speaker = typeof holder.client
    const writes: readonly ((client: Speaker, headers?: Record<string, string>) => ReturnType<Speaker['del']>)[] = [
      (client, headers) => client.post(`/api/issues/${issue.id}/work-products`, branch(), headers),
      (client, headers) => client.patch(one, { title: 'Other' }, headers),
      (client, headers) => client.del(one, headers),
    ]
    for (const write of writes) {
      await expectRefused(server(), () => write(stranger.client), 409, 'checked_out_by_other')
      await expectRefused(server(), () => write(second.client), 409, 'run_ownership')
      await expectRefused(server(), () => write(owner.client), 401, 'run_required')
      await expectRefused(server(), () => write(holder.client, { 'X-Paperclip-Lock-Epoch': '99' }), 409, 'lock_epoch_mismatch')
      await expectRefused(server(), () => write(holder.client, { 'If-Match': '"1"' }), 412, 'precondition_failed')
    }
    const { lockEpoch } = await holdRow(server(), issue.id)
    expect(await holder.client.patch(one, { title: 'Mine' }, { 'X-Paperclip-Lock-Epoch': String(lockEpoch) })).toMatchObject({
      status: 200,
    })
    await server().board.post(`/api/issues/${issue.id}/admin/force-release`)
    for (const write of writes) await expectRefused(server(), () => write(holder.client), 409, 'lock_revoked')
    await server().board.patch(`/api/issues/${issue.id}`, { status: 'todo' })
    for (const write of writes) await expectRefused(server(), () => write(stranger.client), 403, 'not_assignee')
  })

  test('A run that writes after the holder died takes over the hold in the same transaction', async () => {
    const { held: heldIssue, run } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const heir = await run(owner)
    await expireLease(server(), holder.id)
    const made = await keyClientForRun(owner, heir).post(`/api/issues/${issue.id}/work-products`, branch())
    expect(made).toMatchObject({ status: 201, body: { createdByRunId: heir.id } })
    expect((await holdRow(server(), issue.id)).checkoutRunId).toBe(heir.id)
    expect((await actionsOf(server(), issue.id)).slice(-2)).toEqual(['issue.checkout_lock_adopted', 'issue.work_product_created'])
  })

  test('A work product of an agent names the run of its credential, not the run of the body', async () => {
    const { path, agent, run } = await setup()
    const [mine, other] = [await run(await agent()), await run(await agent())]
    const made = await mine.client.post(path, branch({ createdByRunId: other.id }))
    expect(made).toMatchObject({ status: 201, body: { createdByRunId: mine.id } })
    await expectUnchanged(server(), () => mine.client.patch(`/api/work-products/${made.body.id}`, { createdByRunId: other.id }))
    expect((await server().board.patch(`/api/work-products/${made.body.id}`, { createdByRunId: other.id })).body.createdByRunId).toBe(
      other.id,
    )
  })

  test('A reference to a missing row or a row of another company is refused', async () => {
    const { path } = await setup()
    const elsewhere = await world(server())
    const { body: project } = await server().board.post(`/api/companies/${elsewhere.company.id}/projects`, { name: 'Theirs' })
    const { id: runId } = await elsewhere.run(await elsewhere.agent())
    const { id } = (await server().board.post(path, branch())).body
    const references = [
      ['projectId', project.id, 'Project not found'],
      ['projectId', randomUUID(), 'Project not found'],
      ['createdByRunId', runId, 'Run not found'],
      ['createdByRunId', randomUUID(), 'Run not found'],
      ['executionWorkspaceId', randomUUID(), 'Execution workspace not found'],
      ['runtimeServiceId', randomUUID(), 'Runtime service not found'],
    ]
    for (const [field, value, error] of references) {
      const body = { [String(field)]: value }
      for (const act of [() => server().board.post(path, branch(body)), () => server().board.patch(`/api/work-products/${id}`, body)])
        expect((await expectRefused(server(), act, 422, 'unknown_reference')).body.error).toBe(error)
    }
  })

  test('A deleted project is removed from its work products, and an agent may not delete it while another run holds one of the issues', async () => {
    const { company, held: heldIssue, agent, run } = await world(server())
    const { issue, run: holder } = await heldIssue()
    const path = `/api/issues/${issue.id}/work-products`
    const { body: project } = await server().board.post(`/api/companies/${company.id}/projects`, { name: 'Brief' })
    await holder.client.post(path, branch({ projectId: project.id }))
    const stranger = await run(await agent())
    await expectRefused(server(), () => stranger.client.del(`/api/projects/${project.id}`), 409, 'checked_out_by_other')
    const { headers } = await server().board.get(`/api/issues/${issue.id}`)
    expect((await server().board.del(`/api/projects/${project.id}`)).status).toBe(200)
    const after = await server().board.get(`/api/issues/${issue.id}`)
    expect(after.body.workProducts).toMatchObject([{ title: 'A branch', projectId: null }])
    expect(after.headers['etag']).not.toBe(headers['etag'])
  })

  test('Writes that name a project while it is deleted neither keep the project nor deadlock', async () => {
    const { company, issue } = await world(server())
    const peer = await server().startPeer()
    const before = await countDeadlocks(server())
    for (let round = 0; round < 6; round += 1) {
      const { body: project } = await server().board.post(`/api/companies/${company.id}/projects`, { name: `Round ${round}` })
      const [within, without] = [await issue({ projectId: project.id }), await issue()]
      const add = (id: string) => () => peer.board.post(`/api/issues/${id}/work-products`, branch({ projectId: project.id }))
      const products = await Promise.all([1, 2, 3].map(add(without.id)))
      const change = ({ body: { id } }: { body: { id: string } }) => [
        () => peer.board.patch(`/api/work-products/${id}`, { title: 'Moved', projectId: project.id }),
        () => peer.board.patch(`/api/work-products/${id}`, { isPrimary: true }),
      ]
      const acts = [
        ...[1, 2, 3].map(() => add(within.id)),
        () => peer.board.del(`/api/projects/${project.id}`),
        ...products.flatMap(change),
        () => peer.board.del(`/api/issues/${without.id}`),
        add(within.id),
      ]
      const answers = await race(acts, (act) => act())
      for (const { status, text } of answers) expect([200, 201, 404, 422], text).toContain(status)
      for (const { projectId } of (await server().board.get(`/api/issues/${within.id}/work-products`)).body) expect(projectId).toBeNull()
    }
    await peer.stop()
    expect((await countDeadlocks(server())) - before).toBe(0)
  })

  test.each([
    ['a type there is not', { type: 'idea' }],
    ['a status there is not', { status: 'done' }],
    ['an empty title', { title: ' ' }],
    ['a script for an address', { url: 'javascript:alert(1)' }],
    ['a file for an address', { url: 'file:///etc/passwd' }],
    ['no address', { url: 'example' }],
    ['a password in an address', { url: 'https://user:word@example.invalid/' }],
    ['too much metadata', { metadata: { text: 'x'.repeat(10_000) } }],
    ['a list for metadata', { metadata: [] }],
    ['a word for an id', { projectId: 'nope' }],
  ])('A work product with %s is refused', async (_, fields) => {
    const { path } = await setup()
    await expectRefused(server(), () => server().board.post(path, branch(fields)), 400, 'validation_failed')
    const { id } = (await server().board.post(path, branch())).body
    await expectRefused(server(), () => server().board.patch(`/api/work-products/${id}`, fields), 400, 'validation_failed')
  })

  test('An issue with 100 work products accepts no further one', async () => {
    const { path, issueId, company } = await setup()
    const { sql } = server().database
    await sql.query(
      `insert into issue_work_products (company_id, issue_id, type, provider, title) select $1, $2, 'commit', 'git', n::text from generate_series(1, 99) n`,
      [company.id, issueId],
    )
    expect(countByStatus(await race([1, 2, 3], () => server().board.post(path, branch())))).toEqual({ 201: 1, 422: 2 })
    expect((await server().board.get(path)).body).toHaveLength(100)
  })

  test('Work products are deleted with their issue', async () => {
    const { path, issueId } = await setup()
    const { id } = (await server().board.post(path, branch())).body
    expect((await server().board.del(`/api/issues/${issueId}`)).status).toBe(200)
    for (const answer of [await server().board.get(path), await server().board.patch(`/api/work-products/${id}`, { title: 'x' })])
      expect(answer.status).toBe(404)
    expect((await server().database.sql.query('select id from issue_work_products where id = $1', [id])).rows).toEqual([])
  })

  test('A change of a work product whose issue is deleted meanwhile gets 404', async () => {
    const { path, issueId } = await setup()
    const { id } = (await server().board.post(path, branch())).body
    const connection = await server().database.sql.connect()
    try {
      await connection.query('begin')
      await connection.query('delete from issues where id = $1', [issueId])
      const patched = server().board.patch(`/api/work-products/${id}`, { title: 'x' })
      await waitForLockWaiter(server())
      await connection.query('commit')
      expect(await patched).toMatchObject({ status: 404, body: { error: 'Work product not found' } })
    } finally {
      connection.release()
    }
  })

  test('Work products of another company get the same 404 as missing ones', async () => {
    const { path } = await setup()
    const { id } = (await server().board.post(path, branch())).body
    const elsewhere = await setup()
    const outsider = await elsewhere.run(await elsewhere.agent())
    const before = await auditCount(server())
    for (const at of [path, `/api/issues/${randomUUID()}/work-products`]) {
      const answers = [await outsider.client.get(at), await outsider.client.post(at, branch())]
      expect(answers.map(({ status, body }) => [status, body.error])).toEqual(answers.map(() => [404, 'Issue not found']))
    }
    for (const at of [`/api/work-products/${id}`, `/api/work-products/${randomUUID()}`]) {
      const answers = [await outsider.client.patch(at, { title: 'mine' }), await outsider.client.del(at)]
      expect(answers.map(({ status, body }) => [status, body.error])).toEqual(answers.map(() => [404, 'Work product not found']))
    }
    expect(await auditCount(server())).toBe(before)
  })
})
