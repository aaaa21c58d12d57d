import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Given } from '../given.ts'
import { runFilesOf } from '../given.ts'
import { outcomeOf, startTestRun } from '../testKit.ts'
import { removeOldRunFiles, writeRunFiles } from './runFiles.ts'
import { isolatedServer, temporaryFolder, workingWays } from './testKit.ts'

const ways = await workingWays()

const given: Given = {
  instructions: {
    entryFile: 'AGENTS.md',
    files: [
      { path: 'AGENTS.md', content: 'Be kind.\n' },
      { path: 'more/TOOLS.md', content: 'A hammer.\n' },
    ],
  },
  skills: [{ name: 'letters', description: 'Answer letters', files: [{ path: 'SKILL.md', content: 'Dear reader,\n' }] }],
}

const script = `cat "$PAPERCLIP_INSTRUCTIONS_FILE" "$PAPERCLIP_INSTRUCTIONS_DIR/more/TOOLS.md" "$PAPERCLIP_SKILLS_DIR/letters/SKILL.md"
  (echo changed > "$PAPERCLIP_INSTRUCTIONS_FILE") 2>/dev/null && echo written
  (echo new > "$PAPERCLIP_SKILLS_DIR/new") 2>/dev/null && echo made
  echo kept > "$AGENT_HOME/kept" && echo "home $AGENT_HOME" && echo done`

/** A folder and everything below it, as paths. */
const entriesBelow = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String) : [])

describe.each(ways)('The files of a run that is isolated by $name', (way) => {
  test('A run reads its instructions and its skills, cannot change them, and keeps what it writes in its home', async () => {
    const server = await isolatedServer({ way })
    const shown = await server.output(script, { given })
    expect(shown).toContain('Be kind.\nA hammer.\nDear reader,\n')
    expect(shown).not.toContain('written')
    expect(shown).not.toContain('made')
    expect(shown).toContain('done')
    expect(await server.output('cat "$AGENT_HOME/kept"; echo "[$PAPERCLIP_SKILLS_DIR]"')).toBe('kept\n[]\n')
  })

  test('The files are gone when the run has ended', async () => {
    const server = await isolatedServer({ way })
    await server.output(script, { given })
    expect(entriesBelow(path.join(server.home, 'runs'))).toEqual([])
  })

  test('A run whose files cannot be written fails with the reason and starts nothing', async () => {
    const server = await isolatedServer({ way })
    const escaping: Given = {
      instructions: null,
      skills: [{ name: 'x', description: null, files: [{ path: '../../../../out', content: 'x' }] }],
    }
    const run = server.start('echo started', { given: escaping })
    expect(await outcomeOf(run)).toMatchObject({ status: 'failed', error: expect.stringContaining('leads elsewhere') })
    expect(run.recorded.text('stdout')).toBe('')
    expect(entriesBelow(path.join(server.home, 'runs'))).toEqual([])
  })
})

describe('The files of a run with the rights of the server', () => {
  test('A run reads them, and they are gone when it has ended', async () => {
    const workFolder = temporaryFolder()
    const run = startTestRun('process', { command: 'sh', args: ['-c', script] }, { given }, { workFolder })
    expect(await outcomeOf(run)).toMatchObject({ status: 'succeeded' })
    const shown = run.recorded.text('stdout')
    expect(shown).toContain('Be kind.\nA hammer.\nDear reader,\n')
    expect(shown).toContain(`home ${path.join(workFolder, run.job.agentId)}\n`)
    expect(readFileSync(path.join(workFolder, run.job.agentId, 'kept'), 'utf8')).toBe('kept\n')
    expect(entriesBelow(path.join(workFolder, '.runs'))).toEqual([])
  })

  test('A variable that the board configured as AGENT_HOME is kept, and one with the name of a folder of the run is not', async () => {
    const env = { AGENT_HOME: '/srv/ada', PAPERCLIP_SKILLS_DIR: '/srv/mine' }
    const run = startTestRun('process', { command: 'sh', args: ['-c', 'echo "$AGENT_HOME:$PAPERCLIP_SKILLS_DIR"'], env })
    await outcomeOf(run)
    expect(run.recorded.text('stdout')).toBe('/srv/ada:\n')
  })
})

describe('writeRunFiles', () => {
  const write = (folder: string, files: readonly { path: string; content: string }[]) =>
    writeRunFiles(folder, { files, variables: () => ({}) }, null)

  test('Files can be read by their owner alone, and nothing is written over', async () => {
    const folder = path.join(temporaryFolder(), 'given')
    expect(await write(folder, [{ path: 'skills/x/SKILL.md', content: 'x' }])).toBeNull()
    expect(statSync(path.join(folder, 'skills/x/SKILL.md')).mode & 0o777).toBe(0o400)
    expect(statSync(folder).mode & 0o077).toBe(0)
    expect(await write(folder, [{ path: 'skills/x/SKILL.md', content: 'y' }])).toContain('cannot be written')
  })

  test('No set of paths writes outside of the folder, and each set is written whole or not at all', async () => {
    const step = fc.constantFrom('a', 'b', 'A', '..', '.', '', 'é', 'e\u0301', 'a\0', 'con', 'SKILL.md')
    const file = fc.array(step, { minLength: 1, maxLength: 5 }).map((steps) => steps.join('/'))
    await fc.assert(
      fc.asyncProperty(fc.array(file, { maxLength: 6 }), async (paths) => {
        const parent = temporaryFolder()
        const folder = path.join(parent, 'given')
        const problem = await write(
          folder,
          paths.map((each) => ({ path: `skills/x/${each}`, content: 'x' })),
        )
        expect(readdirSync(parent)).toEqual(problem === null ? ['given'] : [])
        const written = entriesBelow(folder).filter((entry) => statSync(path.join(folder, entry)).isFile())
        if (problem === null) expect(written.toSorted()).toEqual(paths.map((each) => `skills/x/${each}`).toSorted())
      }),
      { numRuns: 150 },
    )
  })

  test('A link that stands in the place of the folder is not followed', async () => {
    const parent = temporaryFolder()
    const elsewhere = temporaryFolder()
    symlinkSync(elsewhere, path.join(parent, 'given'))
    expect(await write(path.join(parent, 'given'), [{ path: 'skills/x/a', content: 'x' }])).toContain('cannot be written')
    expect(readdirSync(elsewhere)).toEqual([])
  })

  test('Too many files and too many bytes are refused before anything is written', async () => {
    const parent = temporaryFolder()
    const many = Array.from({ length: 2_501 }, (_, at) => ({ path: `skills/x/${at}`, content: '' }))
    expect(await write(path.join(parent, 'given'), many)).toContain('more than 2500 files')
    const large = Array.from({ length: 25 }, (_, at) => ({ path: `skills/x/${at}`, content: 'x'.repeat(1024 * 1024) }))
    expect(await write(path.join(parent, 'given'), large)).toContain('bytes')
    expect(readdirSync(parent)).toEqual([])
  })

  test('A thousand files are written and removed', async () => {
    const folder = path.join(temporaryFolder(), 'given')
    const files = Array.from({ length: 1000 }, (_, at) => ({ path: `skills/x/${at}.md`, content: `file ${at}` }))
    expect(await write(folder, files)).toBeNull()
    expect(readdirSync(path.join(folder, 'skills/x'))).toHaveLength(1000)
  })

  test('Folders that a crash has left are removed after two days, and younger ones stay', async () => {
    const parent = temporaryFolder()
    for (const name of ['old', 'young']) mkdirSync(path.join(parent, name))
    const then = new Date(Date.now() - 3 * 86_400_000)
    utimesSync(path.join(parent, 'old'), then, then)
    await removeOldRunFiles(parent)
    expect(readdirSync(parent)).toEqual(['young'])
  })
})

test('An agent without texts gets no folder and no variables', () => {
  expect(runFilesOf({ instructions: null, skills: [] })).toBeNull()
  expect(runFilesOf(undefined)).toBeNull()
})
