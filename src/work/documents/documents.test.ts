import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { race, countByStatus } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

const text = (body: string, fields: Record<string, unknown> = {}) => ({ format: 'markdown', body, ...fields })

async function setup() {
  const base = await world(server())
  const { id } = await base.issue()
  return { ...base, issueId: id, path: `/api/issues/${id}/documents` }
}

describe('documents', () => {
  test('A key is trimmed and lower-cased wherever it is named: Plan is plan (K53)', async () => {
    const { path, issueId } = await setup()
    const board = server().board
    const made = await board.put(`${path}/Plan`, text('# One'))
    expect(made).toMatchObject({ status: 201, body: { key: 'plan' } })
    for (const key of ['plan', 'PLAN', '%20Plan%20'])
      expect(await board.get(`${path}/${key}`)).toMatchObject({ status: 200, body: { id: made.body.id } })
    const { latestRevisionId: baseRevisionId } = made.body
    const next = await board.put(`${path}/PLAN`, text('# Two', { baseRevisionId }))
    expect(next).toMatchObject({ status: 200, body: { key: 'plan', latestRevisionNumber: 2 } })
    expect((await board.get(`${path}/Plan/revisions`)).body).toHaveLength(2)
    expect(await board.post(`${path}/pLan/revisions/${baseRevisionId}/restore`)).toMatchObject({ status: 200, body: { body: '# One' } })
    const target = { type: 'issue_document', key: ' Plan ', revisionId: (await board.get(`${path}/plan`)).body.latestRevisionId }
    const asked = await board.post(`/api/issues/${issueId}/interactions`, {
      kind: 'request_confirmation',
      payload: { version: 1, prompt: 'Good?', target },
    })
    expect(asked, asked.text).toMatchObject({ status: 201, body: { payload: { target: { key: 'plan' } } } })
    expect(await board.del(`${path}/Plan`)).toMatchObject({ status: 200 })
    expect((await board.get(path)).body).toEqual([])
  })

  test('The first write creates a document, a write on its revision updates it, and each adds a revision and an audit row', async () => {
    const { path, issueId, agent, run } = await setup()
    const author = await run(await agent())
    const made = await author.client.put(`${path}/plan`, text('# One', { title: 'Plan', changeSummary: 'first' }))
    expect(made).toMatchObject({
      status: 201,
      body: { key: 'plan', title: 'Plan', body: '# One', latestRevisionNumber: 1, createdByAgentId: author.agentId, updatedByUserId: null },
    })
    expect(await lastAudit(server(), issueId, 'issue.document_created')).toMatchObject({
      runId: author.id,
      details: { key: 'plan', documentId: made.body.id, title: 'Plan', format: 'markdown', revisionNumber: 1 },
    })
    const next = await server().board.put(`${path}/plan`, text('# Two', { baseRevisionId: made.body.latestRevisionId }))
    expect(next).toMatchObject({
      status: 200,
      body: { title: 'Plan', body: '# Two', latestRevisionNumber: 2, createdByAgentId: author.agentId, updatedByUserId: 'local-board' },
    })
    expect((await lastAudit(server(), issueId, 'issue.document_updated')).details).toMatchObject({ revisionNumber: 2 })
    expect((await author.client.get(`${path}/plan`)).body).toEqual(next.body)
    expect((await author.client.get(path)).body).toEqual([next.body])
    const revisions = (await author.client.get(`${path}/plan/revisions`)).body
    expect(revisions.map((each: { revisionNumber: number; body: string }) => [each.revisionNumber, each.body])).toEqual([
      [2, '# Two'],
      [1, '# One'],
    ])
    expect(revisions[1]).toMatchObject({ changeSummary: 'first', createdByRunId: author.id })
  })

  test('An issue shows its plan with the text, and all its documents without their texts', async () => {
    const { path, issueId } = await setup()
    const plan = (await server().board.put(`${path}/plan`, text('the plan'))).body
    await server().board.put(`${path}/notes`, text('long notes'))
    const { body } = await server().board.get(`/api/issues/${issueId}`)
    expect(body.planDocument).toEqual(plan)
    expect(body.documentSummaries.map((each: { key: string }) => each.key)).toEqual(['notes', 'plan'])
    expect(JSON.stringify(body.documentSummaries)).not.toContain('long notes')
  })

  test('A write without the latest revision is refused with the latest id, and a base for a missing document with the key', async () => {
    const { path } = await setup()
    const first = (await server().board.put(`${path}/plan`, text('1'))).body
    const second = (await server().board.put(`${path}/plan`, text('2', { baseRevisionId: first.latestRevisionId }))).body
    const before = await auditCount(server())
    for (const fields of [{}, { baseRevisionId: null }, { baseRevisionId: first.latestRevisionId }, { baseRevisionId: randomUUID() }]) {
      expect(await server().board.put(`${path}/plan`, text('3', fields))).toMatchObject({
        status: 409,
        body: { code: 'document_stale', details: { currentRevisionId: second.latestRevisionId } },
      })
    }
    expect(await server().board.put(`${path}/other`, text('x', { baseRevisionId: randomUUID() }))).toMatchObject({
      status: 409,
      body: { code: 'document_absent', details: { key: 'other' } },
    })
    expect(await auditCount(server())).toBe(before)
  })

  test('Exactly one of sixteen concurrent writes on one revision succeeds, and exactly one of sixteen that create a document', async () => {
    const { path, issueId } = await setup()
    const bodies = Array.from({ length: 16 }, (_, n) => `text ${n}`)
    const created = await race(bodies, (body) => server().board.put(`${path}/plan`, text(body)))
    expect(countByStatus(created)).toEqual({ 201: 1, 409: 15 })
    const base = created.find((answer) => answer.status === 201)?.body.latestRevisionId
    const answers = await race(bodies, (body) => server().board.put(`${path}/plan`, text(body, { baseRevisionId: base })))
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 15 })
    expect(await actionsOf(server(), issueId)).toEqual(['issue.created', 'issue.document_created', 'issue.document_updated'])
  })

  test('A restored text becomes a new revision, and the latest revision cannot be restored', async () => {
    const { path, issueId } = await setup()
    const first = (await server().board.put(`${path}/plan`, text('1', { title: 'First' }))).body
    const second = (await server().board.put(`${path}/plan`, text('2', { title: 'Second', baseRevisionId: first.latestRevisionId }))).body
    const key = { 'Idempotency-Key': randomUUID() }
    const restore = (id: string, headers = {}) => server().board.post(`${path}/plan/revisions/${id}/restore`, {}, headers)
    const restored = await restore(first.latestRevisionId, key)
    expect(restored).toMatchObject({ status: 200, body: { body: '1', title: 'First', latestRevisionNumber: 3 } })
    expect((await restore(first.latestRevisionId, key)).body).toEqual(restored.body)
    expect((await lastAudit(server(), issueId, 'issue.document_restored')).details).toMatchObject({
      revisionNumber: 3,
      restoredFromRevisionId: first.latestRevisionId,
    })
    const before = await auditCount(server())
    expect(await restore(restored.body.latestRevisionId)).toMatchObject({ status: 409, body: { code: 'revision_is_latest' } })
    expect(await restore(randomUUID())).toMatchObject({ status: 404, body: { error: 'Document revision not found' } })
    expect((await restore('nope')).status).toBe(400)
    expect(await auditCount(server())).toBe(before)
    expect((await restore(second.latestRevisionId)).body.latestRevisionNumber).toBe(4)
  })

  test('Only the board deletes a document, and its revisions are deleted with it', async () => {
    const { path, issueId, agent, run } = await setup()
    await server().board.put(`${path}/plan`, text('1'))
    const author = await run(await agent())
    expect(await author.client.del(`${path}/plan`)).toMatchObject({ status: 403, body: { code: 'board_required' } })
    expect(await server().board.del(`${path}/plan`)).toMatchObject({ status: 200, body: { ok: true } })
    expect((await lastAudit(server(), issueId, 'issue.document_deleted')).details).toMatchObject({ key: 'plan' })
    expect(await server().board.del(`${path}/plan`)).toMatchObject({ status: 404, body: { error: 'Document not found' } })
    expect((await server().board.get(`${path}/plan/revisions`)).status).toBe(404)
  })

  test('A write of a document is refused by the write gate, like every write to the issue', async () => {
    const { held: heldIssue, agent, run } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const path = `/api/issues/${issue.id}/documents/plan`
    const stranger = await run(await agent())
    const second = await run(owner)
    const before = await auditCount(server())
    expect(await stranger.client.put(path, text('x'))).toMatchObject({ status: 409, body: { code: 'checked_out_by_other' } })
    expect(await second.client.put(path, text('x'))).toMatchObject({ status: 409, body: { code: 'run_ownership' } })
    expect(await owner.client.put(path, text('x'))).toMatchObject({ status: 401, body: { code: 'run_required' } })
    expect(await holder.client.put(path, text('x'), { 'X-Paperclip-Lock-Epoch': '99' })).toMatchObject({
      status: 409,
      body: { code: 'lock_epoch_mismatch' },
    })
    expect(await auditCount(server())).toBe(before)
    expect((await holder.client.put(path, text('x'))).status).toBe(201)
    await server().board.post(`/api/issues/${issue.id}/admin/force-release`)
    expect(await holder.client.put(path, text('y'))).toMatchObject({ status: 409, body: { code: 'lock_revoked' } })
  })

  test('Invalid keys, formats and lengths are refused, and the longest text is accepted even when every character is escaped', async () => {
    const { path } = await setup()
    const before = await auditCount(server())
    for (const key of ['Pl an', 'a.b', 'x'.repeat(65), '%20']) {
      expect(await server().board.put(`${path}/${key}`, text('x'))).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', details: [{}] },
      })
      expect((await server().board.get(`${path}/${key}`)).status).toBe(400)
    }
    for (const body of [{ body: 'x' }, { format: 'html', body: 'x' }, text('x'.repeat(524_289)), text('x', { title: 't'.repeat(201) })]) {
      expect(await server().board.put(`${path}/plan`, body)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    }
    expect(await auditCount(server())).toBe(before)
    const longest = '\u0001'.repeat(524_288)
    const { status, body } = await server().board.put(`${path}/plan`, text(longest))
    expect([status, body.body.length]).toEqual([201, 524_288])
  })

  test('A page of long revisions ends early and links to the next page', async () => {
    const { path } = await setup()
    let base: string | undefined
    for (let n = 0; n < 10; n += 1) {
      const { body } = await server().board.put(
        `${path}/log`,
        text(String(n).repeat(524_288), base === undefined ? {} : { baseRevisionId: base }),
      )
      base = body.latestRevisionId
    }
    const numbers: number[] = []
    let pages = 0
    for (let next: string | null = `${path}/log/revisions`; next !== null; pages += 1) {
      const answer = await server().board.get(next)
      expect(answer.text.length).toBeLessThan(6_000_000)
      numbers.push(...answer.body.map((each: { revisionNumber: number }) => each.revisionNumber))
      next = /<([^>]+)>/.exec(answer.headers['link'] ?? '')?.[1] ?? null
    }
    expect(numbers).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    expect(pages).toBe(2)
    const short = await server().board.get(`${path}/log/revisions?limit=1`)
    expect(short.body).toHaveLength(1)
    expect(short.headers['link']).toContain('rel="next"')
  })

  test('Documents of another company get the same 404 as documents of a missing issue', async () => {
    const { path } = await setup()
    const first = (await server().board.put(`${path}/plan`, text('1'))).body
    const elsewhere = await setup()
    const outsider = await elsewhere.run(await elsewhere.agent())
    for (const base of [path, `/api/issues/${randomUUID()}/documents`]) {
      const answers = [
        await outsider.client.get(base),
        await outsider.client.get(`${base}/plan`),
        await outsider.client.get(`${base}/plan/revisions`),
        await outsider.client.put(`${base}/plan`, text('mine')),
        await outsider.client.post(`${base}/plan/revisions/${first.latestRevisionId}/restore`),
      ]
      expect(answers.map(({ status, body }) => [status, body.error])).toEqual(answers.map(() => [404, 'Issue not found']))
    }
  })
})
