import type { Locator, Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { MAX_IMPORT_BYTES } from '../../org/skills/rules.ts'
import { hasChromium } from '../testing/browser.ts'
import { auditCount, lastAudit, world } from '../testing/world.ts'
import type { TestAgent, World } from '../testing/world.ts'
import { zipOf } from '../testing/zipArchive.ts'
import { findingsOf } from './axe.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const row = (page: Page, table: string, text: string): Locator =>
  page.getByRole('table', { name: table }).getByRole('row').filter({ hasText: text })
const dialog = (page: Page, name: string): Locator => page.getByRole('dialog', { name })
const notice = (page: Page, text: string): Promise<void> => page.locator('.notices').getByText(text).waitFor()
const pathOf = ({ company }: World, page: string): string => `/${company.issuePrefix}/${page}`

const TEXT = '---\nname: release-notes\ndescription: Writes the notes of a release.\n---\n\nRead the issues first.\n'

interface Skill {
  readonly id: string
  readonly slug: string
  readonly [field: string]: unknown
}

async function importSkill({ company }: World, files: Readonly<Record<string, string>> = { 'SKILL.md': TEXT }): Promise<Skill> {
  const answer = await server().board.post(`/api/companies/${company.id}/skills/import`, { files })
  expect(answer.status, answer.text).toBe(201)
  const [skill] = (answer.body as { imported: Skill[] }).imported
  return skill as Skill
}

const skillsOf = async ({ company }: World): Promise<readonly Skill[]> =>
  (await server().board.get(`/api/companies/${company.id}/skills`)).body as readonly Skill[]

/** An agent whose runs are programs of this host, so that they get files. */
async function localAgent(here: World, name = 'Grace'): Promise<TestAgent> {
  const agent = await here.agent({ name })
  const answer = await server().board.patch(`/api/agents/${agent.id}`, { adapterType: 'claude_local', adapterConfig: {} })
  expect(answer.status, answer.text).toBe(200)
  return agent
}

interface File {
  readonly path: string
  readonly content: string
  readonly revisionId: string
}

const fileOf = async ({ id }: TestAgent, path: string): Promise<File> =>
  (await server().board.get(`/api/agents/${id}/instructions-bundle/file?path=${encodeURIComponent(path)}`)).body as File

async function writeFile({ id }: TestAgent, path: string, content: string): Promise<void> {
  const answer = await server().board.put(`/api/agents/${id}/instructions-bundle/file`, { path, content })
  expect(answer.status, answer.text).toBe(200)
}

describe.skipIf(!hasChromium)('the pages of skills and instructions in the console (need Chromium)', () => {
  test('A skill is imported by pasted text, a text without a head is refused and kept, and its files are read on its page', async () => {
    const here = await world(server())
    const page = await open(pathOf(here, 'skills'))
    await page.getByText('The company has no skill of its own yet.').waitFor()
    await page.keyboard.press('n')
    const form = dialog(page, 'Import a skill')
    const text = form.getByLabel('The text of SKILL.md')
    await text.fill('Read the issues first.')
    await form.getByRole('button', { name: 'Add a file' }).click()
    const second = form.getByRole('group', { name: 'File 2' })
    await second.getByLabel('Path').fill('scripts/list.sh')
    await second.getByLabel('Text').fill('git log --oneline')
    const audits = await auditCount(server())
    await form.getByRole('button', { name: 'Import', exact: true }).click()
    await form.getByRole('alert').getByText('No skill can be imported').waitFor()
    await form.getByRole('status', { name: 'What was left out' }).getByText('give it a name', { exact: false }).waitFor()
    expect([await text.inputValue(), await auditCount(server())]).toEqual(['Read the issues first.', audits])
    await text.fill(TEXT)
    await form.getByRole('button', { name: 'Import', exact: true }).click()
    await notice(page, 'The skill release-notes is imported')
    await page.getByRole('heading', { level: 1, name: 'release-notes' }).waitFor()
    await page.getByRole('region', { name: 'SKILL.md' }).getByText('Read the issues first.', { exact: false }).waitFor()
    await page.getByRole('button', { name: 'scripts/list.sh' }).click()
    await page.getByRole('region', { name: 'scripts/list.sh' }).getByText('git log --oneline').waitFor()
    await page.getByText('a program').waitFor()
    expect(await lastAudit(server(), here.company.id, 'company.skills_imported')).toMatchObject({ actorId: 'local-board' })
    expect(await skillsOf(here)).toMatchObject([{ slug: 'release-notes', trustLevel: 'scripts_executables' }])
  })

  test('A skill is imported by a file: a refusal says the limit and keeps the choice, and an archive says what it left out', async () => {
    const here = await world(server())
    const page = await open(pathOf(here, 'skills'))
    await page.getByText('The company has no skill of its own yet.').waitFor()
    await page.keyboard.press('n')
    const form = dialog(page, 'Import a skill')
    await form.getByLabel('From').selectOption({ label: 'A file of this computer: a text or an archive' })
    const file = form.getByLabel('File', { exact: true })
    const send = form.getByRole('button', { name: 'Import', exact: true })
    const chosen = (): Promise<unknown> => file.evaluate((input) => (input as unknown as { files: { name: string }[] }).files[0]?.name)
    const audits = await auditCount(server())
    await send.click()
    expect(await file.evaluate((input) => (input as unknown as { validity: { valueMissing: boolean } }).validity.valueMissing)).toBe(true)
    await file.setInputFiles({ name: 'large.md', mimeType: 'text/markdown', buffer: Buffer.alloc(MAX_IMPORT_BYTES + 1, 'x') })
    await send.click()
    await form.getByRole('alert').getByText(`File exceeds ${MAX_IMPORT_BYTES} bytes`).waitFor()
    expect([await chosen(), await auditCount(server())]).toEqual(['large.md', audits])
    expect(await findingsOf(page, 'a refused file')).toEqual([])
    const entries = [
      ['release-notes/SKILL.md', TEXT],
      ['release-notes/scripts/list.sh', 'git log\n'],
      ['release-notes/logo.png', '\0\u0001'],
    ] as const
    await file.setInputFiles({ name: 'notes.zip', mimeType: 'application/zip', buffer: zipOf(entries) })
    await send.click()
    await notice(page, 'The skill release-notes is imported')
    await form.getByRole('status', { name: 'What was left out' }).getByText('logo.png', { exact: false }).waitFor()
    expect(await skillsOf(here)).toMatchObject([{ slug: 'release-notes', trustLevel: 'scripts_executables' }])
    await page.keyboard.press('Escape')
    await form.waitFor({ state: 'detached' })
    await row(page, 'Skills', 'release-notes').waitFor()
    await page.keyboard.press('n')
    await form.getByLabel('From').selectOption({ label: 'A file of this computer: a text or an archive' })
    await file.setInputFiles({ name: 'SKILL.md', mimeType: 'text/markdown', buffer: Buffer.from(TEXT.replace('release-notes', 'letters')) })
    await send.click()
    await page.getByRole('heading', { level: 1, name: 'letters' }).waitFor()
    expect((await skillsOf(here)).map(({ slug }) => slug).toSorted()).toEqual(['letters', 'release-notes'])
  })

  test('A skill is given to an agent on its page, stands at the skill, and is deleted only when no agent has it', async () => {
    const here = await world(server())
    const skill = await importSkill(here)
    const agent = await localAgent(here)
    const page = await open(pathOf(here, `agents/${agent.id}?tab=instructions`))
    const section = page.getByRole('region', { name: 'Skills' })
    await section.getByLabel('release-notes').check()
    await section.getByRole('button', { name: 'Save the skills' }).click()
    await notice(page, 'The skills of Grace are saved')
    expect((await server().board.get(`/api/agents/${agent.id}/skills`)).body).toMatchObject({ desiredSkills: ['release-notes'] })
    await page.goto(`${server().url}/console${pathOf(here, 'skills')}`)
    await row(page, 'Skills', 'release-notes').getByRole('link').click()
    await page.getByRole('region', { name: 'Agents that have it' }).getByRole('link', { name: 'Grace' }).waitFor()
    await page.getByRole('button', { name: 'Delete' }).click()
    const form = dialog(page, 'Delete release-notes')
    await form.getByText('Grace has it.', { exact: false }).waitFor()
    expect(await form.getByRole('button', { name: 'Delete release-notes' }).isDisabled()).toBe(true)
    expect((await server().board.post(`/api/agents/${agent.id}/skills/sync`, { desiredSkills: [] })).status).toBe(200)
    await form.getByRole('button', { name: 'Delete release-notes', disabled: false }).click()
    await page.getByText('The company has no skill of its own yet.').waitFor()
    expect(await lastAudit(server(), skill.id, 'company.skill_deleted')).toMatchObject({ details: { slug: 'release-notes' } })
  })

  test('Instructions are added, changed and deleted, and the file that runs read first is chosen', async () => {
    const here = await world(server())
    const agent = await localAgent(here)
    const page = await open(pathOf(here, `agents/${agent.id}?tab=instructions`))
    await page.getByText('It has no instructions of its own.').waitFor()
    await page.getByRole('button', { name: 'Add a file' }).click()
    const form = dialog(page, 'Add a file to the instructions of Grace')
    expect(await form.getByLabel('Path').inputValue()).toBe('AGENTS.md')
    await form.getByLabel('Path').fill('../outside.md')
    await form.getByLabel('Text').fill('You are Grace.')
    await form.getByRole('button', { name: 'Add the file' }).click()
    await form.getByRole('alert').waitFor()
    expect(await form.getByLabel('Text').inputValue()).toBe('You are Grace.')
    await form.getByLabel('Path').fill('AGENTS.md')
    await form.getByRole('button', { name: 'Add the file' }).click()
    await notice(page, 'AGENTS.md is added')
    const section = page.getByRole('region', { name: 'Instructions' })
    await section.getByLabel('AGENTS.md', { exact: true }).fill('You are Grace, and you test.')
    await section.getByRole('button', { name: 'Save', exact: true }).click()
    await notice(page, 'AGENTS.md is saved')
    expect(await fileOf(agent, 'AGENTS.md')).toMatchObject({ content: 'You are Grace, and you test.' })
    await writeFile(agent, 'style.md', 'Short sentences.')
    await section.getByRole('button', { name: 'style.md', exact: true }).click()
    await section.getByRole('button', { name: 'Let runs read it first' }).click()
    await notice(page, 'Runs of Grace read style.md first')
    expect((await server().board.get(`/api/agents/${agent.id}/instructions-bundle`)).body).toMatchObject({ entryFile: 'style.md' })
    await section.getByRole('button', { name: 'AGENTS.md', exact: true }).click()
    await section.getByRole('button', { name: 'Delete AGENTS.md' }).click()
    await dialog(page, 'Delete AGENTS.md').getByRole('button', { name: 'Delete AGENTS.md' }).click()
    await notice(page, 'AGENTS.md is deleted')
    expect((await server().board.get(`/api/agents/${agent.id}/instructions-bundle`)).body.files).toMatchObject([{ path: 'style.md' }])
    expect(await lastAudit(server(), agent.id, 'agent.instructions_file_deleted')).toMatchObject({ details: { path: 'AGENTS.md' } })
  })

  test('A text that was changed meanwhile is not replaced, what was typed is kept, and it is saved after the difference was read', async () => {
    const here = await world(server())
    const agent = await localAgent(here)
    await writeFile(agent, 'AGENTS.md', 'You are Grace.\n')
    const page = await open(pathOf(here, `agents/${agent.id}?tab=instructions`))
    const section = page.getByRole('region', { name: 'Instructions' })
    const field = section.getByLabel('AGENTS.md', { exact: true })
    await field.fill('You are Grace, and you write.\n')
    await writeFile(agent, 'AGENTS.md', 'You are Grace, and you test.\n')
    await section.getByText('What you typed, against the text of now').waitFor()
    expect(await field.inputValue()).toBe('You are Grace, and you write.\n')
    expect(await section.getByRole('button', { name: 'Save', exact: true }).isDisabled()).toBe(true)
    await section.getByRole('group', { name: 'What you typed' }).getByText('-You are Grace, and you test.').waitFor()
    await section.getByRole('button', { name: 'I have read it' }).click()
    await section.getByRole('button', { name: 'Save', exact: true }).click()
    await notice(page, 'AGENTS.md is saved')
    expect(await fileOf(agent, 'AGENTS.md')).toMatchObject({ content: 'You are Grace, and you write.\n' })
  })

  test('A text that an agent proposes for others to follow stands whole in its approval, and is stored when that is approved', async () => {
    const here = await world(server())
    const agent = await localAgent(here)
    const boss = await here.agent({ name: 'Ada', role: 'ceo' })
    await writeFile(agent, 'AGENTS.md', 'You are Grace.\n')
    const run = await here.run(boss)
    const file = { path: 'AGENTS.md', content: 'You are Grace. Obey Ada alone.\n' }
    const proposed = await run.client.put(`/api/agents/${agent.id}/instructions-bundle/file`, file)
    expect(proposed.status, proposed.text).toBe(202)
    const skills = await run.client.post(`/api/companies/${here.company.id}/skills/import`, {
      files: { 'SKILL.md': TEXT, 'run.sh': 'curl example.com' },
    })
    expect(skills.status, skills.text).toBe(202)
    const page = await open(pathOf(here, `approvals/${proposed.body.approval.id}`))
    const approval = page.getByRole('article', { name: 'Change AGENTS.md in the instructions of Grace' })
    await approval.getByRole('region', { name: 'AGENTS.md' }).getByText('You are Grace. Obey Ada alone.').waitFor()
    await approval.getByRole('group', { name: 'Change of the instructions' }).getByText('+You are Grace. Obey Ada alone.').waitFor()
    expect(await findingsOf(page, 'a proposed text')).toEqual([])
    await approval.getByRole('button', { name: 'Approve' }).click()
    await page.getByRole('form', { name: 'Approve' }).getByText('Its next run follows them.', { exact: false }).waitFor()
    await page.getByRole('form', { name: 'Approve' }).getByRole('button', { name: 'Approve' }).click()
    await expect.poll(async () => (await fileOf(agent, 'AGENTS.md')).content).toBe(file.content)
    await page.goto(`${server().url}/console${pathOf(here, `approvals/${skills.body.approval.id}`)}`)
    const second = page.getByRole('article', { name: 'Import the skill release-notes' })
    await second.getByRole('region', { name: 'release-notes/run.sh' }).getByText('curl example.com').waitFor()
    await second.getByText('a program').waitFor()
    await second.getByRole('region', { name: 'release-notes/SKILL.md' }).getByText('Read the issues first.', { exact: false }).waitFor()
    expect(await findingsOf(page, 'proposed skills')).toEqual([])
    await second.getByRole('button', { name: 'Approve' }).click()
    await page.getByRole('form', { name: 'Approve' }).getByRole('button', { name: 'Approve' }).click()
    await expect.poll(async () => (await skillsOf(here)).map(({ slug }) => slug)).toEqual(['release-notes'])
  })

  test('The pages of skills and instructions with their dialogs are without a fault for axe, on a telephone and in both themes', async () => {
    const here = await world(server())
    const agent = await localAgent(here)
    await writeFile(agent, 'AGENTS.md', 'You are Grace.\n')
    await importSkill(here, { 'SKILL.md': TEXT, 'scripts/list.sh': 'git log\n' })
    const page = await open(pathOf(here, 'skills'))
    await row(page, 'Skills', 'release-notes').waitFor()
    expect(await findingsOf(page, 'skills')).toEqual([])
    for (const [button, name] of [
      ['Import a skill', 'Import a skill'],
      ['Look in the projects', 'Look in the projects'],
    ] as const) {
      await page.getByRole('button', { name: button, exact: true }).click()
      await dialog(page, name).waitFor()
      expect(await findingsOf(page, name)).toEqual([])
      await page.keyboard.press('Escape')
      await dialog(page, name).waitFor({ state: 'detached' })
    }
    await row(page, 'Skills', 'release-notes').getByRole('link').click()
    await page.getByRole('region', { name: 'SKILL.md' }).waitFor()
    expect(await findingsOf(page, 'skill')).toEqual([])
    await page.goto(`${server().url}/console${pathOf(here, `agents/${agent.id}?tab=instructions`)}`)
    await page.getByRole('region', { name: 'Skills' }).getByLabel('release-notes').waitFor()
    await page.getByRole('region', { name: 'Instructions' }).getByLabel('AGENTS.md', { exact: true }).fill('You are Grace.\u200B\n')
    await page.getByText('U+200B').waitFor()
    expect(await findingsOf(page, 'instructions')).toEqual([])
  })
})
