import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { countByStatus, race } from '../../dev/testing/race.ts'
import { actionsOf, auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'

const base = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-skills-')))
const allowed = path.join(base, 'allowed')
const closed = path.join(base, 'closed')
for (const folder of [allowed, closed]) mkdirSync(folder)
afterAll(() => rmSync(base, { recursive: true, force: true }))

const server = useServer({ skillFolders: [allowed] })
const board = () => server().board

const skillText = (name: string, text = 'Do it well.'): string => `---\nname: ${name}\ndescription: Use it for ${name}.\n---\n\n${text}\n`

/** Writes texts below a folder of its own. */
function folderWith(root: string, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(root, 'skill-'))
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    writeFileSync(path.join(folder, file), text)
  }
  return folder
}

async function setup() {
  const here = await world(server())
  const skills = `/api/companies/${here.company.id}/skills`
  const upload = (files: Readonly<Record<string, string>>) => board().post(`${skills}/import`, { files })
  return { ...here, skills, upload }
}

describe('the import of skills by the board', () => {
  test('Texts of a request become skills, which are listed, read whole and by file, and the audit row names each by its hash', async () => {
    const { company, skills, upload, agent } = await setup()
    const made = await upload({
      'letters/SKILL.md': skillText('letters'),
      'letters/tone.md': 'Kind.',
      'letters/send.sh': 'echo',
      'notes.txt': 'x',
    })
    expect(made.status, made.text).toBe(201)
    const [skill] = made.body.imported
    expect(skill).toMatchObject({
      slug: 'letters',
      key: 'letters',
      name: 'letters',
      description: 'Use it for letters.',
      sourceType: 'inline',
      sourceLocator: null,
      trustLevel: 'scripts_executables',
      attachedAgentCount: 0,
      createdByUserId: 'local-board',
      fileInventory: [
        { path: 'SKILL.md', kind: 'skill' },
        { path: 'send.sh', kind: 'script' },
        { path: 'tone.md', kind: 'markdown' },
      ],
    })
    expect(made.body.warnings).toEqual(['1 file(s) belong to no folder with a SKILL.md and are ignored'])
    expect((await lastAudit(server(), company.id, 'company.skills_imported')).details).toEqual({
      skills: [{ skillId: skill.id, slug: 'letters', contentHash: skill.sourceRef, action: 'created' }],
      warnings: 1,
      approvalId: null,
    })
    const reader = await agent()
    expect((await reader.client.get(skills)).body).toEqual([skill])
    expect((await reader.client.get(`${skills}/${skill.id}`)).body).toEqual({ ...skill, markdown: skillText('letters'), usedByAgents: [] })
    expect((await reader.client.get(`${skills}/${skill.id}/files?path=tone.md`)).body).toEqual({
      skillId: skill.id,
      path: 'tone.md',
      kind: 'markdown',
      size: 5,
      content: 'Kind.',
      markdown: true,
    })
    expect((await reader.client.get(`${skills}/${skill.id}/files`)).body.content).toBe(skillText('letters'))
  })

  test('The text of one SKILL.md is a source, a repeat changes nothing, and another text replaces all files', async () => {
    const { company, skills, upload } = await setup()
    const first = await board().post(`${skills}/import`, { source: skillText('letters') })
    expect(first).toMatchObject({ status: 201, body: { imported: [{ slug: 'letters' }] } })
    const before = await auditCount(server())
    expect((await upload({ 'SKILL.md': skillText('letters') })).body.imported).toEqual(first.body.imported)
    expect(await auditCount(server())).toBe(before)
    const next = await upload({ 'letters/SKILL.md': skillText('letters', 'Better.'), 'letters/more.md': 'x' })
    expect(next.body.imported[0]).toMatchObject({ id: first.body.imported[0].id })
    expect((await board().get(`${skills}/${first.body.imported[0].id}`)).body.markdown).toContain('Better.')
    expect(await actionsOf(server(), company.id)).toEqual(['company.created', 'company.skills_imported', 'company.skills_imported'])
    const { rows } = await server().database.sql.query('select path from company_skill_files where company_id = $1 order by path', [
      company.id,
    ])
    expect(rows.map((row) => row.path)).toEqual(['SKILL.md', 'more.md'])
  })

  test.each([
    ['an address', { source: 'https://example.com/skill.md' }, 'fetches no skill'],
    ['a repository', { source: 'owner/repository' }, 'fetches no skill'],
    ['a command of a shop', { source: 'git@example.com:a/b.git' }, 'fetches no skill'],
    ['a folder that is not allowed', { source: '/etc' }, 'No such folder'],
    ['a folder that is missing', { source: path.join(allowed, 'missing') }, 'No such folder'],
    ['a folder above the allowed one', { source: path.join(allowed, '..') }, 'No such folder'],
    ['nothing', {}, 'either'],
    ['two sources', { source: skillText('x'), files: { 'SKILL.md': skillText('x') } }, 'either'],
    ['files without a skill', { files: { 'README.md': 'x' } }, 'No skill'],
  ])('An import of %s is refused with a sentence, and nothing is stored', async (_, body, sentence) => {
    const { skills } = await setup()
    const before = await auditCount(server())
    const answer = await board().post(`${skills}/import`, body)
    expect(answer, answer.text).toMatchObject({ status: 422, body: { code: 'unprocessable', error: expect.stringContaining(sentence) } })
    expect(await auditCount(server())).toBe(before)
    expect((await board().get(skills)).body).toEqual([])
  })

  test('Two imports at once of one name make one skill', async () => {
    const { skills, upload } = await setup()
    const answers = await race(['one', 'two', 'three', 'four'], (text) => upload({ 'SKILL.md': skillText('letters', text) }))
    expect(countByStatus(answers)).toEqual({ 201: 4 })
    expect((await board().get(skills)).body).toHaveLength(1)
    const { rows } = await server().database.sql.query(
      'select count(*)::int as count from company_skill_files f join company_skills s on s.id = f.skill_id and s.slug = $1',
      ['letters'],
    )
    expect(rows[0].count).toBeGreaterThan(0)
  })

  test('A company has at most 200 skills', async () => {
    const { company, upload } = await setup()
    await server().database.sql.query(
      `insert into company_skills (company_id, slug, name, source_type, content_hash, file_count, byte_size)
       select $1, 'skill-' || n, 'x', 'inline', '', 0, 0 from generate_series(1, 200) n`,
      [company.id],
    )
    expect(await upload({ 'SKILL.md': skillText('one-more') })).toMatchObject({
      status: 422,
      body: { error: 'A company has at most 200 skills' },
    })
  })

  test('A skill of another company gives the same 404 as a missing one', async () => {
    const { upload, skills } = await setup()
    const elsewhere = await setup()
    const { id } = (await upload({ 'SKILL.md': skillText('letters') })).body.imported[0]
    const outsider = await elsewhere.agent()
    for (const of of [id, randomUUID()]) {
      for (const answer of [
        await outsider.client.get(`${elsewhere.skills}/${of}`),
        await outsider.client.get(`${elsewhere.skills}/${of}/files`),
        await board().get(`${elsewhere.skills}/${of}/update-status`),
        await board().post(`${elsewhere.skills}/${of}/install-update`),
        await board().del(`${elsewhere.skills}/${of}`),
      ])
        expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } })
      expect(await outsider.client.get(`${skills}/${of}`)).toMatchObject({ status: 404 })
    }
    expect((await board().get(`${skills}/nope`)).status).toBe(400)
    expect(await board().get(`${skills}/${id}/files?path=../../etc/passwd`)).toMatchObject({ status: 422, body: { code: 'unprocessable' } })
    expect(await board().get(`${skills}/${id}/files?path=nothing.md`)).toMatchObject({ status: 404 })
  })
})

describe('skills in folders of the host', () => {
  test('A folder below an allowed one is imported, its update is seen and installed, and agents do not learn where it lies', async () => {
    const { skills, agent } = await setup()
    const folder = folderWith(allowed, { 'letters/SKILL.md': skillText('letters'), 'letters/.git/config': 'x' })
    const made = await board().post(`${skills}/import`, { source: folder })
    expect(made.status, made.text).toBe(201)
    const [skill] = made.body.imported
    expect(skill).toMatchObject({ slug: 'letters', sourceType: 'folder', sourceLocator: path.join(folder, 'letters') })
    expect((await (await agent()).client.get(`${skills}/${skill.id}`)).body.sourceLocator).toBeNull()
    expect((await board().get(`${skills}/${skill.id}/update-status`)).body).toMatchObject({ supported: true, hasUpdate: false })
    const same = await auditCount(server())
    expect((await board().post(`${skills}/${skill.id}/install-update`)).body).toEqual(skill)
    expect(await auditCount(server())).toBe(same)
    writeFileSync(path.join(folder, 'letters/SKILL.md'), skillText('letters', 'Better.'))
    const status = (await board().get(`${skills}/${skill.id}/update-status`)).body
    expect(status).toMatchObject({ supported: true, reason: null, hasUpdate: true, currentRef: skill.sourceRef })
    const installed = await board().post(`${skills}/${skill.id}/install-update`)
    expect(installed).toMatchObject({ status: 200, body: { sourceRef: status.latestRef } })
    expect((await lastAudit(server(), skill.id, 'company.skill_update_installed')).details).toEqual({
      slug: 'letters',
      contentHash: status.latestRef,
      previousHash: skill.sourceRef,
    })
    rmSync(folder, { recursive: true })
    expect((await board().get(`${skills}/${skill.id}/update-status`)).body).toMatchObject({
      supported: true,
      hasUpdate: false,
      reason: expect.stringContaining('missing'),
    })
    expect(await board().post(`${skills}/${skill.id}/install-update`)).toMatchObject({ status: 422 })
  })

  test('An update of a skill comes from its own folder, also beside one whose name ends with the same word, and one of the same name', async () => {
    const { skills } = await setup()
    const folder = folderWith(allowed, {
      'a/fan-letters/SKILL.md': skillText('fan-letters'),
      'b/letters/SKILL.md': skillText('letters', 'Of the short path.'),
      'further/letters/SKILL.md': skillText('letters', 'Of the long path.'),
      'Some Notes/SKILL.md': skillText('notes'),
    })
    const { imported } = (await board().post(`${skills}/import`, { source: folder })).body as { imported: Record<string, string>[] }
    const texts = Object.fromEntries(
      await Promise.all(
        imported.map(async ({ id, slug }) => [slug, (await board().get(`${skills}/${id}`)).body.markdown as string] as const),
      ),
    )
    for (const { slug, sourceLocator } of imported)
      expect(readFileSync(path.join(sourceLocator ?? '', 'SKILL.md'), 'utf8'), slug).toBe(texts[slug ?? ''])
    for (const { id, sourceLocator } of imported) {
      const better = `${readFileSync(path.join(sourceLocator ?? '', 'SKILL.md'), 'utf8')}Better.`
      writeFileSync(path.join(sourceLocator ?? '', 'SKILL.md'), better)
      expect((await board().post(`${skills}/${id}/install-update`)).status).toBe(200)
      expect((await board().get(`${skills}/${id}`)).body.markdown).toBe(better)
    }
  })

  test('No link leads out of the folder, and no file that is linked elsewhere is read', async () => {
    const { skills } = await setup()
    const secret = path.join(folderWith(closed, { 'secret.md': 'THE SECRET' }), 'secret.md')
    const folder = folderWith(allowed, { 'letters/SKILL.md': skillText('letters') })
    symlinkSync(secret, path.join(folder, 'letters/link.md'))
    symlinkSync(path.dirname(secret), path.join(folder, 'letters/folder'))
    linkSync(secret, path.join(folder, 'letters/hard.md'))
    const made = await board().post(`${skills}/import`, { source: folder })
    expect(made.body.imported[0].fileInventory).toEqual([{ path: 'SKILL.md', kind: 'skill' }])
    expect(made.body.warnings.join('\n')).toContain('link.md')
    expect(JSON.stringify(made.body)).not.toContain('THE SECRET')
    symlinkSync(path.dirname(secret), path.join(allowed, 'astray'))
    expect(await board().post(`${skills}/import`, { source: path.join(allowed, 'astray') })).toMatchObject({ status: 422 })
  })

  test('A scan of projects imports what lies below an allowed folder, and says what it did not look at', async () => {
    const { company, skills, upload } = await setup()
    const folder = folderWith(allowed, {
      '.claude/skills/tests/SKILL.md': skillText('tests'),
      'skills/letters/SKILL.md': skillText('letters', 'In the project.'),
      'src/SKILL.md': skillText('source'),
    })
    await upload({ 'letters/SKILL.md': skillText('letters') })
    for (const cwd of [folder, closed])
      await board().post(`/api/companies/${company.id}/projects`, { name: path.basename(cwd), workspace: { cwd, name: 'main' } })
    const scan = await board().post(`${skills}/scan-projects`, {})
    expect(scan, scan.text).toMatchObject({
      status: 200,
      body: {
        scannedProjects: 1,
        scannedWorkspaces: 1,
        discovered: 2,
        imported: [{ slug: 'tests' }],
        updated: [],
        conflicts: [{ slug: 'letters', reason: expect.stringContaining('from elsewhere') }],
        warnings: [expect.stringContaining('1 workspace(s)')],
      },
    })
    expect((await lastAudit(server(), company.id, 'company.skills_scanned')).details).toMatchObject({
      scannedWorkspaces: 1,
      discovered: 2,
      skills: [{ slug: 'tests', action: 'created' }],
    })
    writeFileSync(path.join(folder, '.claude/skills/tests/SKILL.md'), skillText('tests', 'Better.'))
    expect((await board().post(`${skills}/scan-projects`, {})).body).toMatchObject({ imported: [], updated: [{ slug: 'tests' }] })
  })

  test('A scan looks no further behind eight megabytes of skills, and says so', async () => {
    const { company, skills, upload } = await setup()
    // The company has skills of these names, so the scan reads theirs and stores none.
    const names = [0, 1, 2, 3].flatMap((count) => Array.from({ length: 7 }, (_, at) => `s${count}-${at}`))
    expect((await upload(Object.fromEntries(names.map((name) => [`${name}/SKILL.md`, skillText(name)])))).status).toBe(201)
    const skill = Object.fromEntries([1, 2].map((part) => [`${part}.md`, 'x'.repeat(256 * 1024)]))
    for (let count = 0; count < 4; count += 1) {
      const folder = folderWith(allowed, {
        ...Object.fromEntries(
          Array.from({ length: 7 }, (_, at) =>
            Object.entries(skill).map(([file, text]) => [`skills/s${count}-${at}/${file}`, text]),
          ).flat(),
        ),
        ...Object.fromEntries(Array.from({ length: 7 }, (_, at) => [`skills/s${count}-${at}/SKILL.md`, skillText(`s${count}-${at}`)])),
      })
      await board().post(`/api/companies/${company.id}/projects`, { name: `P${count}`, workspace: { cwd: folder, name: 'main' } })
    }
    const scan = await board().post(`${skills}/scan-projects`, {})
    expect(scan.body, scan.text.slice(0, 300)).toMatchObject({ scannedWorkspaces: 3, discovered: 21, imported: [] })
    expect(scan.body.warnings).toContainEqual(expect.stringContaining('the rest was not read'))
  })

  test('A scan stores four megabytes at once and the rest when it is made again, and a folder with more is not read in part', async () => {
    const { company, skills } = await setup()
    const parts = (name: string, count: number) => ({
      [`${name}/SKILL.md`]: skillText(name),
      ...Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name}/${at}.md`, 'x'.repeat(250 * 1024)])),
    })
    const below = (files: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(files).map(([file, text]) => [`skills/${file}`, text]))
    for (const count of [0, 1]) {
      const skillsOfOne = Object.assign({}, ...[0, 1, 2].map((at) => parts(`part-${count}-${at}`, 4))) as Readonly<Record<string, string>>
      const folder = folderWith(allowed, below(skillsOfOne))
      await board().post(`/api/companies/${company.id}/projects`, { name: `P${count}`, workspace: { cwd: folder, name: 'main' } })
    }
    const first = (await board().post(`${skills}/scan-projects`, {})).body
    expect([first.discovered, first.imported.length, first.skipped.length]).toEqual([6, 4, 2])
    expect(first.skipped[0].reason).toContain('scan again')
    const second = (await board().post(`${skills}/scan-projects`, {})).body
    expect([second.discovered, second.imported.length, second.skipped.length]).toEqual([6, 2, 4])
    const large = folderWith(allowed, Object.assign({}, ...[0, 1, 2, 3, 4].map((at) => parts(`large-${at}`, 4))))
    const refused = await board().post(`${skills}/import`, { source: large })
    expect(refused).toMatchObject({ status: 422, body: { details: { problems: [expect.stringContaining('nothing of it was read')] } } })
    expect((await board().post(`${skills}/import`, { source: path.join(large, 'large-0') })).status).toBe(201)
  })

  test('An agent gets no look at the host: its scan finds nothing, and its import of a folder is refused', async () => {
    const { company, skills, agent, run } = await setup()
    const folder = folderWith(allowed, { 'skills/letters/SKILL.md': skillText('letters') })
    await board().post(`/api/companies/${company.id}/projects`, { name: 'p', workspace: { cwd: folder, name: 'main' } })
    const creator = await run(await agent({ permissions: { canCreateAgents: true } }))
    expect(await creator.client.post(`${skills}/scan-projects`, {})).toMatchObject({
      status: 200,
      body: { scannedWorkspaces: 0, discovered: 0, imported: [], warnings: [expect.stringContaining('Only the board')] },
    })
    for (const source of [folder, '/etc/passwd', `${allowed}/missing`])
      expect(await creator.client.post(`${skills}/import`, { source })).toMatchObject({ status: 403, body: { code: 'approval_required' } })
    const { id } = (await board().post(`${skills}/import`, { source: path.join(folder, 'skills') })).body.imported[0]
    expect(await creator.client.post(`${skills}/${id}/install-update`)).toMatchObject({ status: 403, body: { code: 'approval_required' } })
  })
})

describe('the deletion of a skill', () => {
  test('A skill that no agent has is deleted with its files, and one that an agent has stays', async () => {
    const { company, skills, upload, agent } = await setup()
    const [skill] = (await upload({ 'SKILL.md': skillText('letters') })).body.imported
    const holder = await agent()
    expect(await board().post(`/api/agents/${holder.id}/skills/sync`, { desiredSkills: ['letters'] })).toMatchObject({ status: 200 })
    expect((await board().get(`${skills}/${skill.id}`)).body).toMatchObject({
      attachedAgentCount: 1,
      usedByAgents: [{ id: holder.id, adapterType: 'process' }],
    })
    expect(await board().del(`${skills}/${skill.id}`)).toMatchObject({ status: 422, body: { details: { agentIds: [holder.id] } } })
    expect(await holder.client.del(`${skills}/${skill.id}`)).toMatchObject({ status: 403, body: { code: 'board_required' } })
    await board().post(`/api/agents/${holder.id}/skills/sync`, { desiredSkills: [] })
    expect(await board().del(`${skills}/${skill.id}`)).toMatchObject({ status: 200, body: { id: skill.id } })
    expect((await lastAudit(server(), skill.id, 'company.skill_deleted')).details).toEqual({
      slug: 'letters',
      contentHash: skill.sourceRef,
    })
    expect((await board().get(skills)).body).toEqual([])
    const { rows } = await server().database.sql.query('select 1 from company_skill_files where company_id = $1', [company.id])
    expect(rows).toEqual([])
  })

  test('The deletion of a company takes its skills and instructions with it', async () => {
    const { company, upload, agent } = await setup()
    await upload({ 'SKILL.md': skillText('letters') })
    const owner = await agent()
    await board().put(`/api/agents/${owner.id}/instructions-bundle/file`, { path: 'AGENTS.md', content: 'Hello' })
    expect(await board().del(`/api/companies/${company.id}`)).toMatchObject({ status: 200 })
    for (const table of ['company_skills', 'company_skill_files', 'instruction_bundles', 'instruction_files']) {
      const { rows } = await server().database.sql.query(`select 1 from ${table} where company_id = $1`, [company.id])
      expect([table, rows]).toEqual([table, []])
    }
  })
})

describe('the skills of an agent', () => {
  test('The board sets them; the list shows what is configured, available and missing, and a revision says skill-sync', async () => {
    const { upload, agent } = await setup()
    await upload({ 'SKILL.md': skillText('letters') })
    const { id, client } = await agent()
    const synced = await board().post(`/api/agents/${id}/skills/sync`, { desiredSkills: ['letters', 'paperclip', 'letters'] })
    expect(synced, synced.text).toMatchObject({
      status: 200,
      body: { adapterType: 'process', supported: true, mode: 'ephemeral', desiredSkills: ['letters', 'paperclip'], warnings: [] },
    })
    expect(synced.body.entries.find((entry: { key: string }) => entry.key === 'letters')).toEqual({
      key: 'letters',
      name: 'letters',
      description: 'Use it for letters.',
      desired: true,
      managed: true,
      state: 'configured',
      detail: null,
    })
    expect((await client.get(`/api/agents/${id}/skills`)).body).toEqual(synced.body)
    expect((await board().get(`/api/agents/${id}`)).body.adapterConfig).toEqual({ desiredSkills: ['letters', 'paperclip'] })
    expect((await lastAudit(server(), id, 'agent.skills_synced')).details).toMatchObject({ desiredSkills: ['letters', 'paperclip'] })
    expect((await board().get(`/api/agents/${id}/config-revisions`)).body[0]).toMatchObject({
      source: 'skill-sync',
      changedKeys: ['adapterConfig'],
    })
    const before = await auditCount(server())
    expect((await board().post(`/api/agents/${id}/skills/sync`, { desiredSkills: ['letters', 'paperclip'] })).status).toBe(200)
    expect(await auditCount(server())).toBe(before)
  })

  test('An unknown skill, too many of them, and an adapter whose runs get no files are refused', async () => {
    const { agent } = await setup()
    const { id } = await agent()
    const sync = (agentId: string, desiredSkills: unknown) => board().post(`/api/agents/${agentId}/skills/sync`, { desiredSkills })
    expect(await sync(id, ['nothing'])).toMatchObject({
      status: 422,
      body: { code: 'unknown_reference', details: { skills: ['nothing'] } },
    })
    expect(
      await sync(
        id,
        Array.from({ length: 21 }, (_, n) => `s-${n}`),
      ),
    ).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(await sync(id, 'paperclip')).toMatchObject({ status: 400 })
    const elsewhere = await agent({ adapterType: 'http', adapterConfig: { url: 'https://example.com/' } })
    expect(await sync(elsewhere.id, ['paperclip'])).toMatchObject({ status: 422, body: { code: 'unprocessable' } })
    expect((await board().get(`/api/agents/${elsewhere.id}/skills`)).body).toMatchObject({
      supported: false,
      mode: 'unsupported',
      warnings: [expect.stringContaining('no files')],
    })
    expect(await sync(randomUUID(), [])).toMatchObject({ status: 404 })
  })

  test('An agent has twenty skills at most, whichever request names them', async () => {
    const { company, agent } = await setup()
    const { id } = await agent()
    const names = (count: number) => Array.from({ length: count }, (_, n) => `s-${n}`)
    const patch = (fields: Record<string, unknown>) => board().patch(`/api/agents/${id}`, fields)
    expect((await patch({ desiredSkills: names(21) })).status).toBe(400)
    expect((await patch({ adapterConfig: { desiredSkills: names(21) } })).status).toBe(422)
    expect((await board().post(`/api/companies/${company.id}/agents`, { name: 'Ada', desiredSkills: names(21) })).status).toBe(400)
    expect((await patch({ desiredSkills: names(20) })).status).toBe(200)
    expect((await patch({ adapterConfig: { desiredSkills: names(19) } })).status).toBe(200)
  })

  test('A new agent is created with its skills, and a skill that the company does not have is shown as missing', async () => {
    const { company } = await setup()
    const { body } = await board().post(`/api/companies/${company.id}/agents`, { name: 'Ada', desiredSkills: ['paperclip', 'later'] })
    expect(body).toMatchObject({ adapterConfig: { desiredSkills: ['paperclip', 'later'] } })
    expect(body).not.toHaveProperty('desiredSkills')
    const shown = (await board().get(`/api/agents/${body.id}/skills`)).body
    expect(shown.warnings).toEqual(['The company has no skill later'])
    expect(shown.entries.at(-1)).toMatchObject({ key: 'later', state: 'missing', managed: false })
    const patched = await board().patch(`/api/agents/${body.id}`, { desiredSkills: ['para-memory-files'], title: 'x' })
    expect(patched.body.adapterConfig).toEqual({ desiredSkills: ['para-memory-files'] })
  })

  test('A peer does not see the skills of another agent, and an agent creator does', async () => {
    const { agent } = await setup()
    const { id } = await agent()
    expect(await (await agent()).client.get(`/api/agents/${id}/skills`)).toMatchObject({ status: 403, body: { code: 'not_self' } })
    expect((await (await agent({ permissions: { canCreateAgents: true } })).client.get(`/api/agents/${id}/skills`)).status).toBe(200)
  })
})
