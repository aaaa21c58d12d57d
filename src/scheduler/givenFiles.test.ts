import { chmodSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runRow, waitUntil } from '../dev/testing/holds.ts'
import { createOutputFile, createProcessAgent, useRunner } from '../dev/testing/runner.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { builtInSkills } from '../org/skills/index.ts'

const server = useServer()
const board = () => server().board

const skill = '---\nname: letters\ndescription: Answer letters.\n---\n\nDear reader,\n'

/** A company with a skill, and a file that programs write to. */
async function setup() {
  const here = await world(server())
  useRunner(server())
  await board().post(`/api/companies/${here.company.id}/skills/import`, {
    files: { 'letters/SKILL.md': skill, 'letters/tone.md': 'Kind.' },
  })
  const give = async (agentId: string) => {
    await board().put(`/api/agents/${agentId}/instructions-bundle/file`, { path: 'AGENTS.md', content: 'Answer with tools.md at hand.' })
    await board().put(`/api/agents/${agentId}/instructions-bundle/file`, { path: 'docs/tools.md', content: 'A pen.' })
    await board().post(`/api/agents/${agentId}/skills/sync`, { desiredSkills: ['letters', 'para-memory-files'] })
  }
  const runOf = async (agentId: string): Promise<string> => {
    const woken = await board().post(`/api/agents/${agentId}/wakeup`, { reason: 'look' })
    expect(woken.status, woken.text).toBe(202)
    await waitUntil('the run has ended', async () => !['queued', 'running'].includes((await runRow(server(), woken.body.id)).status))
    return woken.body.id
  }
  return { ...here, give, runOf }
}

describe('The texts of an agent in its run', () => {
  test('A program of a run reads its instructions and its skills, and nothing of them is left afterwards', async () => {
    const here = await setup()
    const seen = createOutputFile()
    const script = `const fs = require('node:fs'); const path = require('node:path'); const { PAPERCLIP_INSTRUCTIONS_FILE: entry, PAPERCLIP_INSTRUCTIONS_DIR: folder, PAPERCLIP_SKILLS_DIR: skills } = process.env
      const read = (...parts) => fs.readFileSync(path.join(...parts), 'utf8')
      fs.appendFileSync(process.env.SEEN, JSON.stringify({ folder, entry: read(entry), tools: read(folder, 'docs/tools.md'), skill: read(skills, 'letters/SKILL.md'), tone: read(skills, 'letters/tone.md'), memory: read(skills, 'para-memory-files/SKILL.md') }) + '\\n')`
    const agent = await createProcessAgent(here, script, { env: { SEEN: seen.file } })
    await here.give(agent.id)
    expect((await runRow(server(), await here.runOf(agent.id))).status).toBe('succeeded')
    const { folder, ...texts } = JSON.parse(seen.lines()[0] ?? '{}') as Record<string, string>
    expect(texts).toEqual({
      entry: 'Answer with tools.md at hand.',
      tools: 'A pen.',
      skill,
      tone: 'Kind.',
      memory: builtInSkills.get('para-memory-files'),
    })
    expect(() => chmodSync(folder ?? '', 0o700)).toThrow('ENOENT')
  })

  test('The next run gets the text that was written meanwhile, and an agent without texts gets no folder', async () => {
    const here = await setup()
    const seen = createOutputFile()
    const script = `const fs = require('node:fs'); const file = process.env.PAPERCLIP_INSTRUCTIONS_FILE
      fs.appendFileSync(process.env.SEEN, JSON.stringify([file === undefined ? null : fs.readFileSync(file, 'utf8'), process.env.PAPERCLIP_SKILLS_DIR ?? null]) + '\\n')`
    const agent = await createProcessAgent(here, script, { env: { SEEN: seen.file } })
    await here.runOf(agent.id)
    await board().put(`/api/agents/${agent.id}/instructions-bundle/file`, { path: 'AGENTS.md', content: 'One.' })
    await here.runOf(agent.id)
    await board().put(`/api/agents/${agent.id}/instructions-bundle/file`, { path: 'AGENTS.md', content: 'Two.' })
    await here.runOf(agent.id)
    expect(seen.lines().map((line) => JSON.parse(line) as unknown)).toEqual([
      [null, null],
      ['One.', null],
      ['Two.', null],
    ])
  })

  test('The prompt of a local agent begins with the entry file and names its folder and its skills', async () => {
    const here = await setup()
    const seen = createOutputFile()
    const command = seen.program(
      `const fs = require('node:fs'); fs.writeFileSync(${JSON.stringify(seen.file)}, JSON.stringify(fs.readFileSync(0, 'utf8')))`,
    )
    const agent = await here.agent({ adapterType: 'claude_local', adapterConfig: { command, timeoutSec: 60 } })
    await here.give(agent.id)
    await here.runOf(agent.id)
    const prompt = JSON.parse(seen.lines()[0] ?? '""') as string
    expect(prompt.startsWith('Answer with tools.md at hand.\n\n')).toBe(true)
    expect(prompt).toContain('$PAPERCLIP_INSTRUCTIONS_DIR')
    expect(prompt).toContain('- letters: Answer letters. ($PAPERCLIP_SKILLS_DIR/letters/SKILL.md)')
    expect(prompt).not.toContain('Dear reader')
    expect(prompt).toContain('You are the agent')
  })
})
