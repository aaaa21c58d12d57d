import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { download, fileCounts, samples, upload } from '../../dev/testing/files.ts'
import { race } from '../../dev/testing/race.ts'
import { expectRefused } from '../../dev/testing/holds.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { Client } from '../../dev/testing/world.ts'

const server = useServer()
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

async function setup() {
  const base = await world(server())
  const issue = await base.issue()
  return { ...base, issue, path: `/api/companies/${base.company.id}/issues/${issue.id}/attachments` }
}

const send = (client: Client, path: string, sent: Parameters<typeof upload>[3] = {}) => upload(server(), client, path, sent)

describe('attachments', () => {
  test('A file is stored with its hash and size, audited, listed newest first, and returned byte for byte', async () => {
    const { company, issue, path, agent, run } = await setup()
    const author = await run(await agent())
    const bytes = randomBytes(3 * 512 * 1024 + 17)
    bytes.write('\x89PNG\r\n\x1a\n', 'latin1')
    const made = await send(author.client, path, { type: 'image/png', name: 'Grüße (zu) Hause.png', bytes })
    expect(made.status, made.text).toBe(201)
    expect(made.body).toEqual({
      id: expect.any(String),
      companyId: company.id,
      issueId: issue.id,
      issueCommentId: null,
      assetId: expect.any(String),
      provider: 'local_disk',
      objectKey: `${company.id}/issues/${issue.id}/${made.body.assetId}`,
      contentType: 'image/png',
      byteSize: bytes.length,
      sha256: sha256(bytes),
      originalFilename: 'Grüße (zu) Hause.png',
      createdByAgentId: author.agentId,
      createdByUserId: null,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
      contentPath: `/api/attachments/${made.body.id}/content`,
    })
    expect(await lastAudit(server(), issue.id, 'issue.attachment_added')).toMatchObject({
      runId: author.id,
      details: { attachmentId: made.body.id, contentType: 'image/png', byteSize: bytes.length, sha256: sha256(bytes) },
    })
    const second = await send(server().board, path.replace(issue.id, issue.identifier.toLowerCase()))
    const list = await author.client.get(`/api/issues/${issue.identifier.toLowerCase()}/attachments`)
    expect(list.body).toEqual([second.body, made.body])
    const page = await author.client.get(`/api/issues/${issue.id}/attachments?limit=1`)
    const next = /<([^>]+)>/.exec(page.headers['link'] ?? '')?.[1] ?? ''
    expect([page.body, (await author.client.get(next)).body]).toEqual([[second.body], [made.body]])

    for (const at of [made.body.contentPath, `/api/assets/${made.body.assetId}/content`]) {
      const read = await download(server(), author.client, at)
      expect([read.status, sha256(read.bytes)]).toEqual([200, sha256(bytes)])
    }
  })

  test.each(Object.entries(samples))(
    'A file of type %s is accepted, and served with headers that stop a browser from running it',
    async (type, bytes) => {
      const { path, agent } = await setup()
      const reader = await agent()
      const { status, body, text } = await send(server().board, path, { type, bytes, name: 'Ä\r\nX: 1/..\\a%b.txt' })
      expect(status, text).toBe(201)
      expect(body.originalFilename).toBe('a%b.txt')
      const read = await download(server(), reader.client, body.contentPath)
      expect(read.bytes).toEqual(bytes)
      const header = (name: string) => read.headers.get(name)
      expect(header('content-type')).toBe(type.startsWith('text/') ? `${type}; charset=utf-8` : type)
      expect(header('content-disposition')).toBe(
        `${type === 'text/html' ? 'attachment' : 'inline'}; filename="a_b.txt"; filename*=UTF-8''a%25b.txt`,
      )
      expect(header('content-security-policy')).toMatch(/default-src 'none'.*; sandbox;/)
      expect(header('x-content-type-options')).toBe('nosniff')
      expect(header('cache-control')).toBe('private, max-age=60')
      expect(header('etag')).toBe(`"${sha256(bytes)}"`)
      expect(header('content-length')).toBe(String(bytes.length))
    },
  )

  test('A request with a matching If-None-Match gets 304 without bytes, and a HEAD request gets the headers alone', async () => {
    const { path } = await setup()
    const { body } = await send(server().board, path)
    const ask = (tag: string) => download(server(), server().board, body.contentPath, { headers: { 'If-None-Match': tag } })
    for (const tag of [`"${body.sha256}"`, `W/"${body.sha256}"`, `"other", "${body.sha256}"`, '*']) {
      const answer = await ask(tag)
      expect([answer.status, answer.bytes.length, answer.headers.get('etag')]).toEqual([304, 0, `"${body.sha256}"`])
    }
    for (const tag of ['"other"', body.sha256, 'nonsense']) expect((await ask(tag)).status).toBe(200)
    const head = await download(server(), server().board, body.contentPath, { method: 'HEAD' })
    expect([head.status, head.bytes.length, head.headers.get('content-length')]).toEqual([200, 0, String(body.byteSize)])
  })

  test('The heartbeat context of an issue lists its attachments without their bytes', async () => {
    const { issue, path } = await setup()
    const { body } = await send(server().board, path)
    const context = await server().board.get(`/api/issues/${issue.id}/heartbeat-context`)
    const { id, issueCommentId, contentType, byteSize, originalFilename, createdAt, contentPath } = body
    expect(context.body.attachments).toEqual([{ id, issueCommentId, contentType, byteSize, originalFilename, createdAt, contentPath }])
  })

  test('An attachment may belong to a comment of its issue, but to no other comment', async () => {
    const { company, issue, path } = await setup()
    const comment = (await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'See below' })).body
    const other = (await server().board.post(`/api/companies/${company.id}/issues`, { title: 'Other' })).body
    const foreign = (await server().board.post(`/api/issues/${other.id}/comments`, { body: 'Elsewhere' })).body
    const made = await send(server().board, path, { fields: { issueCommentId: comment.id.toUpperCase() } })
    expect(made).toMatchObject({ status: 201, body: { issueCommentId: comment.id } })
    const before = [await auditCount(server()), await fileCounts(server())]
    for (const issueCommentId of [foreign.id, randomUUID()]) {
      const refused = await send(server().board, path, { fields: { issueCommentId } })
      expect(refused).toMatchObject({ status: 422, body: { code: 'unknown_reference', error: 'Comment does not belong to this issue' } })
    }
    const malformed = await send(server().board, path, { fields: { issueCommentId: 'nope' } })
    expect(malformed).toMatchObject({ status: 400, body: { code: 'validation_failed', details: [{ path: ['issueCommentId'] }] } })
    expect([await auditCount(server()), await fileCounts(server())]).toEqual(before)
  })

  const latin1 = Buffer.from('Gr\u00fc\u00dfe\n', 'latin1')
  const zip = Buffer.from('PK\x03\x04\0\0\x08', 'latin1')
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
  const png = samples['image/png'] ?? Buffer.alloc(1)
  const words = Buffer.from('a: 1\n')
  const docx = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'

  test.each([
    ['notes.md', 'application/octet-stream', words, 'text/markdown', 'inline'],
    ['table.csv', 'application/vnd.ms-excel', words, 'text/csv', 'inline'],
    ['a.yaml', 'application/octet-stream', words, 'text/yaml', 'attachment'],
    ['a.patch', 'application/octet-stream', words, 'text/plain', 'inline'],
    ['unnamed', 'application/octet-stream', words, 'text/plain', 'inline'],
    ['page.html', 'text/plain', words, 'text/html', 'attachment'],
    ['notes.txt', 'text/html', words, 'text/html', 'attachment'],
    ['notes.md', 'text/plain', words, 'text/markdown', 'inline'],
    ['no-suffix', 'text/html', words, 'text/html', 'attachment'],
    ['picture.svg', 'image/png', svg, 'image/svg+xml', 'attachment'],
    ['script.js', 'text/plain', words, 'text/javascript', 'attachment'],
    ['a.ts', 'video/mp2t', words, 'text/plain', 'inline'],
    ['a.docx', 'application/octet-stream', zip, docx, 'attachment'],
    ['a.zip', 'application/octet-stream', zip, 'application/zip', 'attachment'],
    ['a.html', 'text/html', zip, 'application/octet-stream', 'attachment'],
    ['picture.txt', 'text/plain', png, 'image/png', 'inline'],
    ['picture.png', 'image/png', words, 'text/plain', 'inline'],
    ['picture.png', 'image/png', zip, 'application/octet-stream', 'attachment'],
    ['a.pdf', 'application/pdf', words, 'text/plain', 'inline'],
    ['letter.txt', 'text/plain', latin1, 'text/plain; charset=windows-1252', 'inline'],
    ['letter.json', 'application/json', latin1, 'text/plain; charset=windows-1252', 'inline'],
    ['page.html', 'text/html', latin1, 'text/html; charset=windows-1252', 'attachment'],
    ['odd', 'x/y; z', zip, 'x/y', 'attachment'],
    ['odd', '<script>', zip, 'application/octet-stream', 'attachment'],
  ])('The file %s declared as %s is kept byte for byte as its content and its name say (K17)', async (...file) => {
    const [name, type, bytes, contentType, disposition] = file
    const { path, company } = await setup()
    const made = await send(server().board, path, { name, type, bytes })
    expect(made, made.text).toMatchObject({ status: 201, body: { contentType, byteSize: bytes.length, originalFilename: name } })
    for (const at of [made.body.contentPath, `/api/assets/${made.body.assetId}/content`]) {
      const answer = await download(server(), server().board, at)
      expect(answer.bytes.equals(bytes)).toBe(true)
      expect(answer.headers.get('content-type')).toBe(
        contentType.startsWith('text/') && !contentType.includes(';') ? `${contentType}; charset=utf-8` : contentType,
      )
      expect(answer.headers.get('content-disposition')).toMatch(new RegExp(`^${disposition};`))
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('content-security-policy')).toContain('sandbox')
    }
    expect(company.id).toBe(made.body.companyId)
  })

  test('An empty file is refused and nothing is stored', async () => {
    const { path } = await setup()
    const before = [await auditCount(server()), await fileCounts(server())]
    expect(await send(server().board, path, { bytes: Buffer.alloc(0) })).toMatchObject({ status: 422, body: { code: 'file_empty' } })
    expect([await auditCount(server()), await fileCounts(server())]).toEqual(before)
  })

  test('A repeat with the same Idempotency-Key gets the first answer, and other bytes or another name under that key are refused', async () => {
    const { path, issue } = await setup()
    const headers = { 'Idempotency-Key': randomUUID() }
    const first = await send(server().board, path, { headers })
    const again = await send(server().board, path, { headers })
    expect([again.status, again.body, again.headers.get('idempotency-replayed')]).toEqual([201, first.body, 'true'])
    for (const other of [
      { bytes: Buffer.from('other') },
      { name: 'other.txt' },
      { type: 'text/csv' },
      { fields: { issueCommentId: randomUUID() } },
    ])
      expect(await send(server().board, path, { headers, ...other })).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } })
    expect((await server().board.get(`/api/issues/${issue.id}/attachments`)).body).toHaveLength(1)
    const keyed = { 'Idempotency-Key': randomUUID() }
    const at = await race([1, 2, 3, 4, 5, 6, 7, 8], () => send(server().board, path, { headers: keyed }))
    expect(at.filter(({ status }) => status !== 201 && status !== 409)).toEqual([])
    expect((await server().board.get(`/api/issues/${issue.id}/attachments`)).body).toHaveLength(2)
  })
})

describe('attachments and the write gate', () => {
  test('Attaching and detaching are refused by the write gate, in the order of its rules', async () => {
    const { company, held: heldIssue, agent, run } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    const path = `/api/companies/${company.id}/issues/${issue.id}/attachments`
    const mine = await send(holder.client, path)
    expect(mine.status, mine.text).toBe(201)
    const attachmentPath = `/api/attachments/${mine.body.id}`
    const stranger = await run(await agent())
    const second = await run(owner)
    const before = [await auditCount(server()), await fileCounts(server())]
    const refusals = [
      [stranger.client, {}, 409, 'checked_out_by_other'],
      [second.client, {}, 409, 'run_ownership'],
      [owner.client, {}, 401, 'run_required'],
      [holder.client, { 'X-Paperclip-Lock-Epoch': '99' }, 409, 'lock_epoch_mismatch'],
      [holder.client, { 'If-Match': '"0"' }, 412, 'precondition_failed'],
    ] as const
    for (const [client, headers, status, code] of refusals) {
      expect(await send(client, path, { headers }), code).toMatchObject({ status, body: { code } })
      expect(await client.del(attachmentPath, headers), code).toMatchObject({ status, body: { code } })
    }
    const idle = await world(server())
    const assigned = await idle.issue({ assigneeAgentId: (await idle.agent()).id })
    const peer = await idle.run(await idle.agent())
    const to = `/api/companies/${idle.company.id}/issues/${assigned.id}/attachments`
    expect(await send(peer.client, to)).toMatchObject({ status: 403, body: { code: 'not_assignee' } })
    await server().board.post(`/api/issues/${issue.id}/admin/force-release`)
    expect(await send(holder.client, path)).toMatchObject({ status: 409, body: { code: 'lock_revoked' } })
    expect(await holder.client.del(attachmentPath)).toMatchObject({ status: 409, body: { code: 'lock_revoked' } })
    expect(await fileCounts(server())).toEqual(before[1])
    expect((await actionsOf(server(), issue.id)).filter((action) => action.startsWith('issue.attachment'))).toEqual([
      'issue.attachment_added',
    ])
  })

  test('A run that attaches a file takes over the hold of a dead run', async () => {
    const { company, held: heldIssue, run } = await world(server())
    const { issue, run: holder, agent: owner } = await heldIssue()
    await server().database.sql.query("update heartbeat_runs set lease_expires_at = now() - interval '1 second' where id = $1", [holder.id])
    const next = await run(owner)
    expect((await send(next.client, `/api/companies/${company.id}/issues/${issue.id}/attachments`)).status).toBe(201)
    expect((await actionsOf(server(), issue.id)).slice(-2).toSorted()).toEqual(['issue.attachment_added', 'issue.checkout_lock_adopted'])
  })
})

describe('deletion and failure of attachments', () => {
  test('A detached file is deleted with its bytes and audited, and a second detach gets 404', async () => {
    const { issue, path, agent, run } = await setup()
    const before = await fileCounts(server())
    const author = await run(await agent())
    const { body } = await send(author.client, path)
    expect(await author.client.del(`/api/attachments/${body.id}`)).toMatchObject({ status: 200, body: { ok: true } })
    expect(await lastAudit(server(), issue.id, 'issue.attachment_removed')).toMatchObject({
      runId: author.id,
      details: { attachmentId: body.id, assetId: body.assetId, sha256: body.sha256 },
    })
    expect(await fileCounts(server())).toEqual(before)
    expect(await author.client.del(`/api/attachments/${body.id}`)).toMatchObject({ status: 404, body: { error: 'Attachment not found' } })
    expect((await author.client.get(body.contentPath)).status).toBe(404)
  })

  test('An agent deletes files of agents and none that a person attached, also on its own issue (T10)', async () => {
    const here = await world(server())
    const { run, issue } = await here.held()
    const attach = async (headers: Record<string, string>) => {
      const form = new FormData()
      form.set('file', new Blob(['words'], { type: 'text/plain' }), 'words.txt')
      const path = `/api/companies/${here.company.id}/issues/${issue.id}/attachments`
      const answer = await fetch(server().url + path, { method: 'POST', body: form, headers })
      expect(answer.status).toBe(201)
      return ((await answer.json()) as { id: string }).id
    }
    const ofBoard = await attach({})
    const ofAgent = await attach(run.client.headers)
    await expectRefused(server(), () => run.client.del(`/api/attachments/${ofBoard}`), 403, 'board_required')
    expect(await run.client.del(`/api/attachments/${ofAgent}`)).toMatchObject({ status: 200 })
    expect(await server().board.del(`/api/attachments/${ofBoard}`)).toMatchObject({ status: 200 })
  })

  test('A deleted issue and a deleted company delete their files, and the audit rows stay', async () => {
    const { company, issue, path } = await setup()
    const before = await fileCounts(server())
    await send(server().board, path)
    await server().board.del(`/api/issues/${issue.id}`)
    expect(await fileCounts(server())).toEqual(before)
    const other = (await server().board.post(`/api/companies/${company.id}/issues`, { title: 'Other' })).body
    await send(server().board, `/api/companies/${company.id}/issues/${other.id}/attachments`)
    await upload(server(), server().board, `/api/companies/${company.id}/logo`, { type: 'image/gif' })
    expect((await server().board.del(`/api/companies/${company.id}`)).status).toBe(200)
    expect(await fileCounts(server())).toEqual(before)
    expect(await actionsOf(server(), issue.id)).toEqual(['issue.created', 'issue.attachment_added', 'issue.deleted'])
  })

  test('A database that fails between the bytes and the audit row has stored neither', async () => {
    const { path, issue } = await setup()
    const { sql } = server().database
    const before = await fileCounts(server())
    await sql.query(`create function die_in_audit() returns trigger language plpgsql as $$
      begin if new.action = 'issue.attachment_added' then perform pg_terminate_backend(pg_backend_pid()); end if; return new; end $$`)
    await sql.query('create trigger die_in_audit before insert on activity_log for each row execute function die_in_audit()')
    try {
      expect(await send(server().board, path)).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    } finally {
      await sql.query('drop trigger die_in_audit on activity_log')
    }
    expect(await fileCounts(server())).toEqual(before)
    expect(await actionsOf(server(), issue.id)).toEqual(['issue.created'])
    expect((await send(server().board, path)).status).toBe(201)
  })

  test('A download of a file that is deleted meanwhile fails, so no client takes it for complete', async () => {
    const { path } = await setup()
    const { body } = await send(server().board, path, { bytes: Buffer.alloc(10 * 1024 * 1024, 'x') })
    const reading = await fetch(`${server().url}${body.contentPath}`)
    expect(reading.status).toBe(200)
    // The body is read only after the deletion, so the server has not sent most of it.
    expect((await server().board.del(`/api/attachments/${body.id}`)).status).toBe(200)
    await expect(reading.arrayBuffer()).rejects.toThrow()
  })

  test('An issue with 200 attachments accepts no further one', async () => {
    const { path, issue, company } = await setup()
    const { sql } = server().database
    await sql.query('insert into issue_attachments (company_id, issue_id) select $1, $2 from generate_series(1, 200)', [
      company.id,
      issue.id,
    ])
    expect(await send(server().board, path)).toMatchObject({ status: 422, body: { error: 'An issue has at most 200 attachments' } })
  })

  test('A company whose files have 10 GB accepts no further file', async () => {
    const { path, company } = await setup()
    await server().database.sql.query(
      `insert into assets (company_id, object_key, content_type, byte_size, sha256)
       select $1, 'k', 'image/gif', 2147483647, 's' from generate_series(1, 5)`,
      [company.id],
    )
    expect(await send(server().board, path)).toMatchObject({ status: 422, body: { code: 'unprocessable' } })
  })
})

test('Files of another company get the same 404 as missing files', async () => {
  const { company, path, issue } = await setup()
  const { body } = await send(server().board, path)
  const elsewhere = await setup()
  const outsider = await elsewhere.run(await elsewhere.agent())
  const before = [await auditCount(server()), await fileCounts(server())]
  const pairs: readonly (readonly [string, string, (at: string) => Promise<{ status: number; body: { error: string } }>])[] = [
    [body.contentPath, `/api/attachments/${randomUUID()}/content`, (at) => outsider.client.get(at)],
    [`/api/assets/${body.assetId}/content`, `/api/assets/${randomUUID()}/content`, (at) => outsider.client.get(at)],
    [`/api/attachments/${body.id}`, `/api/attachments/${randomUUID()}`, (at) => outsider.client.del(at)],
    [`/api/issues/${issue.id}/attachments`, `/api/issues/${randomUUID()}/attachments`, (at) => outsider.client.get(at)],
    [path, path.replace(company.id, randomUUID()), (at) => send(outsider.client, at)],
    [
      path.replace(company.id, elsewhere.company.id),
      path.replace(company.id, elsewhere.company.id).replace(issue.id, randomUUID()),
      (at) => send(outsider.client, at),
    ],
    [path.replace(company.id, elsewhere.company.id), path.replace(issue.id, 'NIL-1'), (at) => send(server().board, at)],
  ]
  for (const [foreign, missing, ask] of pairs) {
    const [one, other] = [await ask(foreign), await ask(missing)]
    expect([one.status, one.body.error], foreign).toEqual([404, other.body.error])
    expect(other.status).toBe(404)
  }
  expect([await auditCount(server()), await fileCounts(server())]).toEqual(before)
})

test('A file of ten megabytes is accepted, and a file with one byte more is refused', async () => {
  const { path } = await setup()
  const limit = 10 * 1024 * 1024
  const most = await send(server().board, path, { bytes: Buffer.alloc(limit, 'x') })
  expect(most).toMatchObject({ status: 201, body: { byteSize: limit } })
  const read = await download(server(), server().board, most.body.contentPath)
  expect(sha256(read.bytes)).toBe(most.body.sha256)
  const before = await fileCounts(server())
  expect(await send(server().board, path, { bytes: Buffer.alloc(limit + 1, 'x') })).toMatchObject({
    status: 422,
    body: { code: 'file_too_large', error: `File exceeds ${limit} bytes` },
  })
  expect(await fileCounts(server())).toEqual(before)
})
