import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { download, fileCounts, samples, upload } from '../../dev/testing/files.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()

async function setup() {
  const base = await world(server())
  const at = `/api/companies/${base.company.id}`
  return {
    ...base,
    at,
    logo: (sent: Parameters<typeof upload>[3] = {}) =>
      upload(server(), server().board, `${at}/logo`, { type: 'image/gif', name: 'logo.gif', ...sent }),
  }
}

const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>'

describe('the logo of a company', () => {
  test('A logo is uploaded, named by the company, and served at the path of the answer', async () => {
    const { company, at, logo } = await setup()
    const { status, body, text } = await logo()
    expect(status, text).toBe(201)
    expect(body).toEqual({
      assetId: expect.any(String),
      companyId: company.id,
      provider: 'local_disk',
      objectKey: `${company.id}/assets/companies/${body.assetId}`,
      contentType: 'image/gif',
      byteSize: 10,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      originalFilename: 'logo.gif',
      createdByAgentId: null,
      createdByUserId: 'local-board',
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
      contentPath: `/api/assets/${body.assetId}/content`,
    })
    expect(await lastAudit(server(), body.assetId, 'asset.created')).toMatchObject({
      companyId: company.id,
      entityType: 'asset',
      details: { contentType: 'image/gif', byteSize: 10, sha256: body.sha256 },
    })
    for (const path of [at, `${at}/branding`]) {
      const named = await server().board.patch(path, { logoAssetId: body.assetId.toUpperCase() })
      expect(named).toMatchObject({ status: 200, body: { logoAssetId: body.assetId, logoUrl: body.contentPath } })
      expect((await download(server(), server().board, named.body.logoUrl)).bytes).toEqual(samples['image/gif'])
      expect((await server().board.patch(path, { logoAssetId: null })).body).toMatchObject({ logoAssetId: null, logoUrl: null })
    }
    expect((await actionsOf(server(), company.id)).slice(-4)).toEqual([
      'company.updated',
      'company.updated',
      'company.branding_updated',
      'company.branding_updated',
    ])
  })

  test('Only an image that was uploaded as an image of the company can be its logo', async () => {
    const { company, at, logo, issue, agent, run } = await setup()
    const elsewhere = await setup()
    const foreign = (await elsewhere.logo()).body.assetId as string
    const { id } = await issue()
    const attached = await upload(server(), server().board, `${at}/issues/${id}/attachments`, { type: 'image/gif' })
    const ceo = await run(await agent({ role: 'ceo' }))
    const own = (await logo()).body.assetId as string
    const before = await auditCount(server())
    for (const path of [at, `${at}/branding`]) {
      const name = (logoAssetId: unknown) => server().board.patch(path, { logoAssetId })
      expect(await name(randomUUID())).toMatchObject({ status: 404, body: { error: 'Logo asset not found' } })
      expect(await name(foreign)).toMatchObject({ status: 422, body: { code: 'other_company' } })
      expect(await name(attached.body.assetId)).toMatchObject({ status: 422, body: { code: 'unprocessable' } })
      expect((await name('nope')).status).toBe(400)
      // An agent gets the same 404 for a foreign asset and a missing one.
      for (const logoAssetId of [foreign, randomUUID()])
        expect(await ceo.client.patch(path, { logoAssetId })).toMatchObject({ status: 404, body: { error: 'Logo asset not found' } })
    }
    expect(await auditCount(server())).toBe(before)
    expect((await ceo.client.patch(at, { logoAssetId: own })).body).toMatchObject({ id: company.id, logoAssetId: own })
  })

  test('Every agent of the company may upload a logo in a live run', async () => {
    const { at, agent, run } = await setup()
    const worker = await run(await agent())
    const made = await upload(server(), worker.client, `${at}/logo`, { type: 'image/png' })
    expect(made).toMatchObject({ status: 201, body: { createdByAgentId: worker.agentId, createdByUserId: null } })
    expect(await lastAudit(server(), made.body.assetId, 'asset.created')).toMatchObject({ runId: worker.id })
    const other = await agent()
    const ended = await run(other)
    await ended.client.post(`/api/heartbeat-runs/${ended.id}/finish`, { status: 'succeeded' })
    const before = await fileCounts(server())
    const late = await upload(server(), other.client, `${at}/logo`, { type: 'image/png', headers: { 'X-Paperclip-Run-Id': ended.id } })
    expect(late).toMatchObject({ status: 409, body: { code: 'run_ended' } })
    expect(await fileCounts(server())).toEqual(before)
  })

  test('A logo must be PNG, JPEG, WebP, GIF or SVG, whatever it is declared as (K17)', async () => {
    const { at, logo } = await setup()
    const before = await fileCounts(server())
    for (const type of ['application/pdf', 'text/html', 'text/plain', 'application/json'])
      expect(await logo({ type })).toMatchObject({ status: 422, body: { code: 'file_type_unsupported' } })
    expect(await logo({ type: 'image/png', bytes: Buffer.from(svg) })).toMatchObject({ status: 422, body: { code: 'file_invalid' } })
    expect(await logo({ type: 'image/svg+xml', bytes: Buffer.from(svg, 'utf16le') })).toMatchObject({
      status: 422,
      body: { code: 'file_invalid' },
    })
    expect(await logo({ bytes: Buffer.alloc(0) })).toMatchObject({ status: 422, body: { code: 'file_empty' } })
    const long = Buffer.from(svg.replace('M0 0', 'M0 0 '.repeat(210_000)))
    expect(await logo({ type: 'image/svg+xml', bytes: long })).toMatchObject({ status: 422, body: { code: 'file_too_large' } })
    expect(await fileCounts(server())).toEqual(before)
    for (const type of ['image/png', 'image/jpeg', 'image/webp', 'image/gif']) {
      const bytes = samples[type] ?? Buffer.alloc(1)
      for (const declared of [type, 'application/octet-stream', 'image/png', 'text/html'])
        expect(await logo({ type: declared, bytes })).toMatchObject({ status: 201, body: { contentType: type } })
    }
    expect(await logo({ type: 'application/octet-stream', name: 'Logo.SVG', bytes: Buffer.from(svg) })).toMatchObject({
      status: 201,
      body: { contentType: 'image/svg+xml' },
    })
    await server().board.post(`${at}/archive`)
    expect(await logo()).toMatchObject({ status: 409, body: { code: 'company_not_active' } })
  })

  test('An SVG logo is stored sanitized, and its size and hash are those of the sanitized bytes', async () => {
    const { logo } = await setup()
    const hostile = svg.replace('<path', '<script>alert(1)</script><path onload="alert(1)"')
    const { status, body, text } = await logo({
      type: 'image/svg+xml',
      name: 'logo.svg',
      bytes: Buffer.from(`<?xml version="1.0"?>${hostile}`),
    })
    expect(status, text).toBe(201)
    const read = await download(server(), server().board, body.contentPath)
    expect(read.bytes.toString()).toBe(svg)
    expect([read.headers.get('content-type'), read.headers.get('content-length')]).toEqual(['image/svg+xml', String(body.byteSize)])
    expect(read.headers.get('content-security-policy')).toContain('sandbox')
    expect(read.headers.get('etag')).toBe(`"${body.sha256}"`)
  })
})

describe('images of a company', () => {
  test('Images are stored under the namespace of their form', async () => {
    const { company, at } = await setup()
    const send = (fields: Record<string, string>) => upload(server(), server().board, `${at}/assets/images`, { type: 'image/png', fields })
    const made = await send({ namespace: 'issues/plan_1' })
    expect(made).toMatchObject({ status: 201, body: { objectKey: `${company.id}/assets/issues/plan_1/${made.body.assetId}` } })
    expect(await send({})).toMatchObject({ status: 201 })
    for (const namespace of ['../up', 'a b', '', 'x'.repeat(121), 'ä'])
      expect(await send({ namespace })).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', details: [{ path: ['namespace'] }] },
      })
  })

  test('A company with 1000 images accepts no further one', async () => {
    const { company, at, logo } = await setup()
    await server().database.sql.query(
      `insert into assets (company_id, object_key, content_type, byte_size, sha256) select $1, 'k', 'image/gif', 1, 's' from generate_series(1, 1000)`,
      [company.id],
    )
    expect(await logo()).toMatchObject({ status: 422, body: { error: 'A company has at most 1000 images' } })
    const { id } = (await server().board.post(`${at}/issues`, { title: 'Attached to' })).body
    expect((await upload(server(), server().board, `${at}/issues/${id}/attachments`)).status).toBe(201)
  })
})
