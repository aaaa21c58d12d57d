import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { renderPrompt } from '../prompt.ts'
import { jobWith, outcomeOf } from '../testKit.ts'
import { agentFoldersOf } from './agentFolders.ts'
import { seedHome } from './agentHome.ts'
import { noNeeds } from './isolation.ts'
import { isolatedServer, isRoot, OTHER_AGENT, temporaryFolder, workingWays } from './testKit.ts'

const ways = await workingWays()

/** A folder of the operator that no configuration names, with a file that only the operator reads, and a program. */
function operatorsFolder(): string {
  const folder = temporaryFolder()
  writeFileSync(path.join(folder, 'key'), 'of the operator', { mode: 0o600 })
  writeFileSync(path.join(folder, 'program'), `#!/bin/sh\ncat ${folder}/key\n`, { mode: 0o755 })
  return folder
}

function project(...folders: readonly string[]): string {
  const folder = temporaryFolder()
  for (const each of folders) mkdirSync(path.join(folder, each))
  return folder
}

describe.each(ways)('What an agent leaves in its folders, with $name (T2)', (way) => {
  test('A repository that the agent has made in its own folder, its home or its project brings no other folder into the next run', async () => {
    const server = await isolatedServer({ way })
    const hidden = operatorsFolder()
    for (const [where, config] of [
      ['$PWD/data', {}],
      ['$HOME/data', {}],
      ['$PWD/data', { cwd: project() }],
    ] as const) {
      const link = `rm -rf .git data; mkdir -p "${where}"; echo "gitdir: ${where}" > .git; echo "$PWD/.git" > "${where}/gitdir"; echo ${hidden} > "${where}/commondir"`
      await server.output(link, { config })
      const shown = await server.output(`cat ${hidden}/key || echo hidden; echo more >> ${hidden}/key || true`, { config })
      expect({ where, shown }).toEqual({ where, shown: 'hidden\n' })
    }
    expect(readFileSync(path.join(hidden, 'key'), 'utf8')).toBe('of the operator')
  })

  test('The repository of a worktree that belongs to the project stays in view after the agent could have written it', async () => {
    const server = await isolatedServer({ way })
    const [worktree, repository] = [project(), project('worktrees', 'worktrees/w')]
    writeFileSync(path.join(worktree, '.git'), `gitdir: ${repository}/worktrees/w\n`)
    writeFileSync(path.join(repository, 'worktrees/w/commondir'), '../..\n')
    writeFileSync(path.join(repository, 'worktrees/w/gitdir'), `${worktree}/.git\n`)
    const hidden = operatorsFolder()
    const config = { cwd: worktree }
    expect(await server.output(`ls ${repository}; echo ${hidden} > ${repository}/worktrees/w/commondir`, { config })).toBe('worktrees\n')
    expect(
      await server.output(`cat ${hidden}/key || echo hidden; echo ../.. > ${repository}/worktrees/w/commondir || true`, { config }),
    ).toBe('hidden\n')
  })

  test('A working folder that an agent has replaced with a link fails the next run with the link, for every agent', async () => {
    const server = await isolatedServer({ way })
    const [repository, hidden] = [project('.git', 'part'), operatorsFolder()]
    const config = { cwd: path.join(repository, 'part') }
    expect(await server.output(`cd ..; mv part away; rm -rf .git; ln -s ${hidden} part; echo done`, { config })).toBe('done\n')
    for (const agentId of [undefined, OTHER_AGENT]) {
      const run = server.start('cat key', { config, ...(agentId === undefined ? {} : { agentId }) })
      expect((await outcomeOf(run)).error).toMatch(/a link in a folder that agents may write leads to .*remove the link/)
    }
  })

  test('A link of the operator to a working folder, and a link that stays in the project, go on working', async () => {
    const server = await isolatedServer({ way })
    const [folder, repository] = [project(), project('.git', 'part')]
    const link = path.join(folder, 'link')
    symlinkSync(path.join(repository, 'part'), link)
    expect(await server.output('touch a; ls', { config: { cwd: link } })).toBe('a\n')
    await server.output('cd ..; ln -s part same', { config: { cwd: path.join(repository, 'part') } })
    for (const cwd of [link, path.join(repository, 'same')]) expect(await server.output('ls', { config: { cwd } })).toBe('a\n')
  })

  test('A folder, a file or a program of the configuration that an agent has replaced with a link shows nothing more', async () => {
    const server = await isolatedServer({ way })
    const [folder, hidden] = [project('data', 'bin'), operatorsFolder()]
    const look = `cat ${hidden}/key data/key $PWD/bin/key 2>/dev/null || echo hidden`
    const named = {
      cwd: folder,
      env: { DATA: path.join(folder, 'data'), FILE: path.join(folder, 'file'), PATH: `${folder}/bin:/usr/bin:/bin` },
    }
    writeFileSync(path.join(folder, 'file'), '')
    await server.output(`rm -r data file bin; ln -s ${hidden} data; ln -s ${hidden}/key file; ln -s ${hidden} bin`, { config: named })
    expect(await server.output(look, { config: named })).toBe('hidden\n')

    const program = path.join(folder, 'run.sh')
    for (const line of [`${hidden}/program`, `/usr/bin/env ${hidden}/program`]) {
      writeFileSync(program, `#!${line}\n`, { mode: 0o755 })
      expect((await outcomeOf(server.startAs('process', { command: program, cwd: folder }))).status).toBe('failed')
    }
    rmSync(program)
    symlinkSync(path.join(hidden, 'program'), program)
    const end = await outcomeOf(server.startAs('process', { command: program, cwd: folder }))
    expect({ status: end.status, shown: end.stdoutExcerpt ?? '' }).toEqual({ status: 'failed', shown: '' })
  })

  test('Instructions that an agent has replaced with a link are not read', async () => {
    const server = await isolatedServer({ way })
    const folder = project()
    const file = path.join(folder, 'instructions.md')
    writeFileSync(file, 'be kind')
    const program = path.join(folder, 'claude')
    writeFileSync(program, '#!/bin/sh\ncat\n', { mode: 0o755 })
    await server.output(`rm instructions.md; ln -s ${server.secretFile} instructions.md`, { config: { cwd: folder } })
    const run = server.startAs('claude_local', { command: program, cwd: folder, instructionsFilePath: file })
    expect((await outcomeOf(run)).error).toContain('The instructions are a link that an agent could have made')
    expect(JSON.stringify(run.recorded.events)).not.toContain('the secret of the server')
  })

  test('A pipe in the place of a file that the server reads does not stop the server', async () => {
    const server = await isolatedServer({ way })
    await server.output('mkfifo .git')
    expect(await server.output('rm .git; mkdir d; mkfifo d/gitdir d/commondir; echo "gitdir: $PWD/d" > .git; echo done')).toBe('done\n')
    expect(await server.output('echo done')).toBe('done\n')
    const folder = project()
    const program = path.join(folder, 'run.sh')
    writeFileSync(program, `#!${folder}/pipe\n`, { mode: 0o755 })
    await server.output('mkfifo -m 700 pipe', { config: { cwd: folder } })
    expect((await outcomeOf(server.startAs('process', { command: program, cwd: folder }))).status).toBe('failed')
  })

  test('A run that leaves a folder deeper than any path leaves nothing behind', async () => {
    const server = await isolatedServer({ way })
    const dig =
      "const fs = require('fs'); process.chdir('/tmp'); for (let i = 0; i < 1500; i++) { fs.mkdirSync('abcdefgh'); process.chdir('abcdefgh') }"
    expect((await outcomeOf(server.startAs('process', { command: process.execPath, args: ['-e', dig] }))).status).toBe('succeeded')
    expect(readdirSync(path.join(server.home, 'runs'))).toEqual([])
  })

  test.runIf(isRoot)('An agent may write its working folder also where its program is in it', async () => {
    const server = await isolatedServer({ way })
    const folder = project()
    chmodSync(folder, 0o755)
    const program = path.join(folder, 'run.sh')
    writeFileSync(program, '#!/bin/sh\necho written > file\n', { mode: 0o755 })
    expect((await outcomeOf(server.startAs('process', { command: program, cwd: folder }))).status).toBe('succeeded')
    expect(existsSync(path.join(folder, 'file'))).toBe(true)
  })
})

describe('The links of agents', () => {
  test('A path leads astray exactly when a link in a folder of agents leads it out of that folder', () => {
    const [agents, others] = [project('in'), project('in')]
    const places = { agents, others, inner: path.join(agents, 'in'), outer: path.join(others, 'in') }
    let count = 0
    const place = fc.constantFrom(...Object.values(places))
    fc.assert(
      fc.property(place, place, fc.boolean(), (stands, leads, isRelative) => {
        count += 1
        const link = path.join(stands, `link${count}`)
        symlinkSync(isRelative ? path.relative(stands, leads) || '.' : leads, link)
        const isAgents = (folder: string): boolean => folder === agents || folder === places.inner
        expect(agentFoldersOf([agents]).leadsAstray(path.join(link, 'file'))).toBe(isAgents(stands) && !isAgents(leads))
      }),
    )
    expect(agentFoldersOf([agents, places.inner]).around(places.inner)).toBe(places.inner)
  })

  test.each(['the file', 'its folder'])(
    'Instructions of which a live run exchanges %s between the look at them and their opening are not read',
    async (what) => {
      const [folder, hidden] = [project('in'), operatorsFolder()]
      writeFileSync(path.join(hidden, 'instructions.md'), 'of the operator')
      const file = path.join(folder, 'in', 'instructions.md')
      const place = what === 'the file' ? file : path.dirname(file)
      const write = (): void => {
        mkdirSync(path.dirname(file), { recursive: true })
        writeFileSync(file, 'be kind')
      }
      const agents = agentFoldersOf([folder])
      const links = {
        leadsAstray(at: string) {
          const isAstray = agents.leadsAstray(at)
          rmSync(place, { recursive: true })
          symlinkSync(what === 'the file' ? path.join(hidden, 'instructions.md') : hidden, place)
          return isAstray
        },
        leadsOut(at: string, opened: string) {
          // Back again, so that no look behind the opening finds the link.
          rmSync(place)
          write()
          return agents.leadsOut(at, opened)
        },
      }
      write()
      const config = { instructionsFilePath: file }
      expect(await renderPrompt(jobWith({}), config, { isFresh: true, links: agents })).toMatchObject({
        prompt: expect.stringMatching(/^be kind/),
      })
      expect(await renderPrompt(jobWith({}), config, { isFresh: true, links })).toMatchObject({
        problem: expect.stringContaining('a link that an agent could have made'),
      })
    },
  )

  test('A setting of the operator that a live run exchanges for a link is not copied into the home of an agent', () => {
    const [operator, home, hidden] = [project('.tool'), project(), operatorsFolder()]
    const file = path.join(operator, '.tool/settings.json')
    const agents = agentFoldersOf([path.dirname(file)])
    const copied = (leadsAstray: (at: string) => boolean): string | null => {
      writeFileSync(file, 'of the tool')
      const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
      const record = path.join(temporaryFolder(), 'seeds.json')
      rmSync(path.join(home, '.tool'), { recursive: true, force: true })
      seedHome(
        { operator, agent: home, record, owner, leadsAstray, leadsOut: (at, opened) => agents.leadsOut(at, opened) },
        { ...noNeeds, settings: ['.tool/settings.json'] },
      )
      return existsSync(path.join(home, '.tool/settings.json')) ? readFileSync(path.join(home, '.tool/settings.json'), 'utf8') : null
    }
    expect(copied((at) => agents.leadsAstray(at))).toBe('of the tool')
    const exchanged = copied((at) => {
      const isAstray = agents.leadsAstray(at)
      rmSync(file)
      symlinkSync(path.join(hidden, 'key'), file)
      return isAstray
    })
    expect(exchanged).toBeNull()
  })
})
