import { spawn } from 'node:child_process'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { noNeeds } from './isolation.ts'
import { createLauncher } from './launch.ts'
import type { IsolatedCommand } from './launch.ts'
import { AGENT, isolationOf, temporaryFolder, workingWays } from './testKit.ts'

const ways = await workingWays()

/** A command of an agent that has the account of the server, planned and not yet started. */
async function planned(way: (typeof ways)[number], cwd: string, named: readonly string[] = []): Promise<IsolatedCommand> {
  const home = temporaryFolder()
  const { tool } = await isolationOf(way, home)
  const isolation = { kind: 'namespace', reason: 'the test says so', tool, accounts: null, failures: [] } as const
  const launcher = createLauncher(isolation, { home, environment: { PATH: process.env['PATH'] }, allowed: [] })
  const result = await launcher.isolate({
    runId: crypto.randomUUID(),
    agentId: AGENT,
    command: '/bin/sh',
    args: ['-c', 'cat key "$@"', 'sh', ...named],
    cwd,
    environment: { PATH: '/usr/bin:/bin' },
    named,
    needs: noNeeds,
  })
  if ('problem' in result) throw new Error(result.problem)
  return result
}

async function outputOf(isolated: IsolatedCommand): Promise<string> {
  const { command, args, cwd, environment } = isolated
  const child = spawn(command, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
  await isolated.end()
  return said + complained
}

function folderWith(key: string): string {
  const folder = temporaryFolder()
  writeFileSync(path.join(folder, 'key'), key)
  return folder
}

describe.each(ways)('A path that is exchanged between plan and mount, with $name (T2)', (way) => {
  test('A working folder that became a link, itself or by a folder above it, fails the run with a sentence and shows nothing', async () => {
    const secrets = temporaryFolder()
    mkdirSync(path.join(secrets, 'project'))
    for (const folder of [secrets, path.join(secrets, 'project')]) writeFileSync(path.join(folder, 'key'), 'of the operator')
    for (const exchanged of ['shared/project', 'shared']) {
      const around = temporaryFolder()
      const project = path.join(around, 'shared/project')
      mkdirSync(project, { recursive: true })
      writeFileSync(path.join(project, 'key'), 'of the project')
      const command = await planned(way, project)
      renameSync(path.join(around, exchanged), path.join(around, 'moved'))
      symlinkSync(secrets, path.join(around, exchanged))
      const shown = await outputOf(command)
      expect({ exchanged, shown }).toEqual({
        exchanged,
        shown: `The run did not start: ${project} was exchanged for something else while it was prepared\n`,
      })
    }
  })

  test('A file that the configuration names is checked in the same way', async () => {
    const [project, around, secrets] = [folderWith('of the project'), temporaryFolder(), folderWith('of the operator')]
    const named = path.join(around, 'named')
    mkdirSync(named)
    writeFileSync(path.join(named, 'key'), 'named')
    const command = await planned(way, project, [path.join(named, 'key')])
    renameSync(named, path.join(around, 'moved'))
    symlinkSync(secrets, named)
    expect(await outputOf(command)).toContain('was exchanged for something else')
  })

  test('A run whose folders stayed what they were starts', async () => {
    const [project, named] = [folderWith('of the project;'), folderWith('named')]
    expect(await outputOf(await planned(way, project, [path.join(named, 'key')]))).toBe('of the project;named')
  })
})
