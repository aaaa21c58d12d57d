import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { countByStatus, race } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { hashOfText, MAX_INSTRUCTION_FILES } from './rules.ts'

const server = useServer()
const board = () => server().board

async function setup() {
  const here = await world(server())
  const manager = await here.agent()
  const owner = await here.agent({ reportsTo: manager.id })
  const bundle = `/api/agents/${owner.id}/instructions-bundle`
  const write = (path: string, content: string, fields: Record<string, unknown> = {}, client = board()) =>
    client.put(`${bundle}/file`, { path, content, ...fields })
  return { ...here, manager, owner, bundle, write }
}

describe('the instructions of an agent', () => {
  test('The first file makes the bundle; files are listed without texts, read one by one, and each write is a revision', async () => {
    const { owner, bundle, write } = await setup()
    expect((await board().get(bundle)).body).toMatchObject({
      mode: null,
      entryFile: 'AGENTS.md',
      editable: true,
      files: [],
      rootPath: null,
    })
    const made = await write('AGENTS.md', 'Be kind.')
    expect(made, made.text).toMatchObject({
      status: 200,
      body: { path: 'AGENTS.md', size: 8, content: 'Be kind.', isEntryFile: true, markdown: true, updatedByUserId: 'local-board' },
    })
    await write('./docs/tools.md', 'A hammer.')
    const shown = (await board().get(bundle)).body
    expect(shown).toMatchObject({
      agentId: owner.id,
      mode: 'managed',
      rootPath: '$PAPERCLIP_INSTRUCTIONS_DIR',
      resolvedEntryPath: '$PAPERCLIP_INSTRUCTIONS_DIR/AGENTS.md',
      warnings: [],
      files: [
        { path: 'AGENTS.md', isEntryFile: true },
        { path: 'docs/tools.md', isEntryFile: false },
      ],
    })
    expect(JSON.stringify(shown)).not.toContain('Be kind.')
    expect((await board().get(`${bundle}/file?path=docs/tools.md`)).body.content).toBe('A hammer.')
    expect((await lastAudit(server(), owner.id, 'agent.instructions_file_updated')).details).toMatchObject({
      path: 'docs/tools.md',
      contentHash: hashOfText('A hammer.'),
      byteSize: 9,
      previousRevisionId: null,
      approvalId: null,
    })
    expect((await board().get(`/api/agents/${owner.id}/config-revisions`)).body[0]).toMatchObject({
      source: 'instructions_bundle_file_put',
      changedKeys: ['instructionsBundle'],
      afterConfig: { instructionsBundle: { entryFile: 'AGENTS.md', files: { 'docs/tools.md': hashOfText('A hammer.') } } },
    })
    const before = await auditCount(server())
    expect((await write('AGENTS.md', 'Be kind.')).body).toEqual(made.body)
    expect(await auditCount(server())).toBe(before)
  })

  test('A write on another version than was read is refused with the present revision, and of sixteen at once exactly one succeeds', async () => {
    const { write } = await setup()
    const first = (await write('AGENTS.md', '1', { baseRevisionId: null })).body
    const second = (await write('AGENTS.md', '2', { baseRevisionId: first.revisionId })).body
    const before = await auditCount(server())
    for (const baseRevisionId of [null, first.revisionId, randomUUID()])
      expect(await write('AGENTS.md', '3', { baseRevisionId })).toMatchObject({
        status: 409,
        body: { code: 'document_stale', details: { currentRevisionId: second.revisionId } },
      })
    expect(await auditCount(server())).toBe(before)
    const answers = await race(
      Array.from({ length: 16 }, (_, n) => `text ${n}`),
      (text) => write('AGENTS.md', text, { baseRevisionId: second.revisionId }),
    )
    expect(countByStatus(answers)).toEqual({ 200: 1, 409: 15 })
  })

  test.each(['../x', '/etc/passwd', 'a\\b', 'a//b', 'nul', 'agents.MD', 'AGENTS.md/x', 'a\u0000b', 'x'.repeat(241)])(
    'The path %j is refused, and nothing is written',
    async (path) => {
      const { bundle, write } = await setup()
      await write('AGENTS.md', 'x')
      const before = await auditCount(server())
      const answer = await write(path, 'evil')
      expect([400, 422], answer.text).toContain(answer.status)
      expect(await auditCount(server())).toBe(before)
      expect((await board().get(bundle)).body.files).toHaveLength(1)
    },
  )

  test('A file that is too long and a file too many are refused with a sentence', async () => {
    const { owner, company, write } = await setup()
    await write('AGENTS.md', 'x')
    expect(await write('long.md', '漢'.repeat(100_000))).toMatchObject({ status: 422, body: { error: expect.stringContaining('bytes') } })
    expect(await write('long.md', 'x'.repeat(262_145))).toMatchObject({ status: 400 })
    await server().database.sql.query(
      `insert into instruction_files (agent_id, company_id, path, content, revision_id)
       select $1, $2, 'f-' || n, '', gen_random_uuid() from generate_series(2, $3::int) n`,
      [owner.id, company.id, MAX_INSTRUCTION_FILES],
    )
    expect(await write('more.md', 'x')).toMatchObject({
      status: 422,
      body: { error: `Instructions have at most ${MAX_INSTRUCTION_FILES} files` },
    })
  })

  test('The entry file is another one when the board says so, and it goes last', async () => {
    const { owner, bundle, write } = await setup()
    await write('AGENTS.md', 'x')
    await write('START.md', 'y')
    expect(await board().patch(bundle, { entryFile: 'nothing.md' })).toMatchObject({ status: 422 })
    const moved = await board().patch(bundle, { entryFile: 'START.md', mode: 'managed' })
    expect(moved, moved.text).toMatchObject({ status: 200, body: { entryFile: 'START.md' } })
    expect((await lastAudit(server(), owner.id, 'agent.instructions_bundle_updated')).details).toMatchObject({
      entryFile: 'START.md',
      clearedPromptTemplates: false,
    })
    expect(await board().del(`${bundle}/file?path=START.md`)).toMatchObject({ status: 422 })
    expect(await board().del(`${bundle}/file?path=AGENTS.md&baseRevisionId=${randomUUID()}`)).toMatchObject({
      status: 409,
      body: { code: 'document_stale' },
    })
    expect(await board().del(`${bundle}/file?path=AGENTS.md`)).toMatchObject({ status: 200, body: { files: [{ path: 'START.md' }] } })
    expect(await board().del(`${bundle}/file?path=START.md`)).toMatchObject({
      status: 200,
      body: { mode: null, entryFile: 'AGENTS.md', files: [] },
    })
    expect(await board().del(`${bundle}/file?path=START.md`)).toMatchObject({ status: 404 })
    expect(await actionsOf(server(), owner.id)).toContain('agent.instructions_file_deleted')
  })

  test('Templates that would stand beside the files are taken away when the board asks for it', async () => {
    const { bundle, owner, write } = await setup()
    await board().patch(`/api/agents/${owner.id}`, {
      adapterType: 'claude_local',
      adapterConfig: { promptTemplate: 'Old {{prompt}}', model: 'm' },
    })
    expect((await board().get(bundle)).body).toMatchObject({ legacyPromptTemplateActive: true, legacyBootstrapPromptTemplateActive: false })
    expect(await write('AGENTS.md', 'x', { clearLegacyPromptTemplate: true })).toMatchObject({ status: 200 })
    expect((await board().get(bundle)).body).toMatchObject({ legacyPromptTemplateActive: false })
    expect((await board().get(`/api/agents/${owner.id}`)).body.adapterConfig).toEqual({ model: 'm' })
  })

  test('Instructions outside of this server are refused with the setting that does it', async () => {
    const { bundle } = await setup()
    for (const body of [{ mode: 'external' }, { rootPath: '/srv/agents' }, { mode: 'external', rootPath: '/etc', entryFile: 'passwd' }])
      expect(await board().patch(bundle, body)).toMatchObject({
        status: 422,
        body: { error: expect.stringContaining('instructions-path') },
      })
  })

  test('An agent writes and reads its own instructions without the board', async () => {
    const { owner, bundle, run, write } = await setup()
    const { client, id } = await run(owner)
    expect(await write('AGENTS.md', 'Mine.', {}, client)).toMatchObject({ status: 200, body: { updatedByAgentId: owner.id } })
    expect(await lastAudit(server(), owner.id, 'agent.instructions_file_updated')).toMatchObject({ actorId: owner.id, runId: id })
    expect((await client.get(`${bundle}/file?path=AGENTS.md`)).body.content).toBe('Mine.')
    expect(await write('AGENTS.md', 'x', { clearLegacyPromptTemplate: true }, client)).toMatchObject({
      status: 403,
      body: { code: 'approval_required' },
    })
    expect(await client.del(`${bundle}/file?path=AGENTS.md`)).toMatchObject({ status: 200 })
  })

  test('A manager proposes the instructions of an agent below with the whole text, and the board decides on exactly that', async () => {
    const { owner, manager, bundle, run, write } = await setup()
    await write('AGENTS.md', 'Old.')
    const { client } = await run(manager)
    expect((await client.get(`${bundle}/file?path=AGENTS.md`)).body.content).toBe('Old.')
    const asked = await write('AGENTS.md', 'New.', {}, client)
    expect(asked, asked.text).toMatchObject({
      status: 202,
      body: { agentId: owner.id, path: 'AGENTS.md', approval: { status: 'pending' } },
    })
    const { id } = asked.body.approval
    const shown = (await board().get(`/api/approvals/${id}`)).body
    expect(shown.payload.textChange).toMatchObject({ kind: 'instructions', agentId: owner.id, path: 'AGENTS.md', content: 'New.' })
    expect((await board().get(`${bundle}/file?path=AGENTS.md`)).body.content).toBe('Old.')
    expect(await board().post(`/api/approvals/${id}/approve`, { payloadHash: shown.payloadHash })).toMatchObject({ status: 200 })
    expect((await board().get(`${bundle}/file?path=AGENTS.md`)).body.content).toBe('New.')
    expect((await lastAudit(server(), owner.id, 'agent.instructions_file_updated')).details).toMatchObject({ approvalId: id })
    const gone = await client.del(`${bundle}/file?path=AGENTS.md`)
    expect(gone).toMatchObject({ status: 202 })
    await write('AGENTS.md', 'Changed meanwhile.')
    expect(await board().post(`/api/approvals/${gone.body.approval.id}/approve`)).toMatchObject({
      status: 409,
      body: { code: 'document_stale' },
    })
    expect((await board().get(`${bundle}/file?path=AGENTS.md`)).body.content).toBe('Changed meanwhile.')
    expect(await client.patch(bundle, { entryFile: 'AGENTS.md' })).toMatchObject({ status: 403, body: { code: 'approval_required' } })
  })

  test('A peer sees no file of another agent and changes none, and an agent of another company gets a 404', async () => {
    const { bundle, agent, run, write } = await setup()
    await write('AGENTS.md', 'Old.')
    const { client } = await run(await agent())
    expect((await client.get(bundle)).body).toMatchObject({
      mode: 'managed',
      files: [],
      warnings: [expect.stringContaining('Only the agent')],
    })
    expect(await client.get(`${bundle}/file?path=AGENTS.md`)).toMatchObject({ status: 404 })
    const before = await auditCount(server())
    for (const answer of [
      await write('AGENTS.md', 'Evil.', {}, client),
      await client.del(`${bundle}/file?path=AGENTS.md`),
      await client.patch(bundle, { entryFile: 'AGENTS.md' }),
      await client.patch(bundle.replace('bundle', 'path'), { path: '/etc/passwd' }),
    ])
      expect(answer).toMatchObject({ status: 403, body: { code: 'not_self' } })
    expect(await auditCount(server())).toBe(before)
    const elsewhere = await setup()
    const outsider = await elsewhere.run(await elsewhere.agent())
    for (const answer of [
      await outsider.client.get(bundle),
      await write('x.md', 'x', {}, outsider.client),
      await outsider.client.get(`${bundle}/file?path=AGENTS.md`),
    ])
      expect(answer).toMatchObject({ status: 404, body: { error: 'Agent not found' } })
  })
})

describe('PATCH instructions-path', () => {
  test('The board sets and takes away the file of a local agent, and the revision says so', async () => {
    const { agent } = await setup()
    const local = await agent({ adapterType: 'claude_local' })
    const at = `/api/agents/${local.id}/instructions-path`
    expect(await board().patch(at, { path: '/srv/ada.md' })).toMatchObject({
      status: 200,
      body: { agentId: local.id, adapterType: 'claude_local', adapterConfigKey: 'instructionsFilePath', path: '/srv/ada.md' },
    })
    expect((await board().get(`/api/agents/${local.id}/config-revisions`)).body[0]).toMatchObject({ source: 'instructions_path_patch' })
    expect((await lastAudit(server(), local.id, 'agent.instructions_path_updated')).details).toMatchObject({ isSet: true })
    expect((await board().get(`/api/agents/${local.id}/instructions-bundle`)).body).toMatchObject({
      mode: 'external',
      rootPath: '/srv',
      entryFile: 'ada.md',
      resolvedEntryPath: '/srv/ada.md',
      editable: false,
    })
    expect(await board().patch(at, { path: null })).toMatchObject({ status: 200, body: { path: null } })
    expect((await board().get(`/api/agents/${local.id}/instructions-bundle`)).body).toMatchObject({ mode: null, rootPath: null })
  })

  test('A relative path, another field and an adapter without such a file are refused', async () => {
    const { agent, owner } = await setup()
    const local = await agent({ adapterType: 'claude_local' })
    expect(await board().patch(`/api/agents/${local.id}/instructions-path`, { path: 'AGENTS.md' })).toMatchObject({
      status: 422,
      body: { code: 'payload_invalid' },
    })
    expect(await board().patch(`/api/agents/${local.id}/instructions-path`, { path: '/x', adapterConfigKey: 'command' })).toMatchObject({
      status: 422,
      body: { code: 'unprocessable' },
    })
    expect(await board().patch(`/api/agents/${owner.id}/instructions-path`, { path: '/x' })).toMatchObject({
      status: 422,
      body: { code: 'unprocessable' },
    })
    expect(await board().patch(`/api/agents/${local.id}/instructions-path`, {})).toMatchObject({ status: 400 })
  })

  test('An agent only proposes a file of the host, also for itself', async () => {
    const { agent, run } = await setup()
    const local = await agent({ adapterType: 'claude_local' })
    const { client } = await run(local)
    const asked = await client.patch(`/api/agents/${local.id}/instructions-path`, { path: '/etc/shadow' })
    expect(asked, asked.text).toMatchObject({ status: 202, body: { path: null, approval: { status: 'pending' } } })
    expect((await board().get(`/api/approvals/${asked.body.approval.id}`)).body.resultingConfiguration.adapterConfig).toEqual({
      instructionsFilePath: '/etc/shadow',
    })
    expect((await board().get(`/api/agents/${local.id}`)).body.adapterConfig).toEqual({})
  })
})
