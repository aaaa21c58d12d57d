import { execFileSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { noNeeds } from './isolation.ts'
import { createLauncher } from './launch.ts'
import type { IsolatedCommand, Launcher, LaunchRequest } from './launch.ts'
import { AGENT, isolationOf, isRoot, temporaryFolder, workingWays } from './testKit.ts'

const ways = await workingWays()
const viaBubblewrap = ways.filter(({ name }) => name === 'bubblewrap')

async function isolated(launcher: Launcher, given: Partial<LaunchRequest>): Promise<IsolatedCommand> {
  const fixed = {
    runId: crypto.randomUUID(),
    agentId: AGENT,
    command: '/bin/sh',
    args: ['-c', 'exit'],
    cwd: null,
    named: [],
    needs: noNeeds,
  }
  const command = await launcher.isolate({ ...fixed, environment: { PATH: process.env['PATH'] ?? '' }, ...given })
  if ('problem' in command) throw new Error(command.problem)
  return command
}

/** The programs that a command line executes one after the other, by their names. */
const programsIn = ({ command, args }: IsolatedCommand): string[] =>
  [command, ...args].filter((word) => /^(?:\/usr)?\/s?bin\/\w+$/.test(word)).map((file) => path.basename(file))

describe.each(viaBubblewrap)('A run that is isolated by $name', (way) => {
  test.runIf(isRoot)('Four programs are executed before that of a run with a folder of a project, and three before another', async () => {
    const home = temporaryFolder()
    const launcher = createLauncher(await isolationOf(way, home), { home, environment: {}, allowed: [] })
    const ofProject = await isolated(launcher, { cwd: temporaryFolder() })
    expect(programsIn(ofProject)).toEqual(['perl', 'bwrap', 'setpriv', 'sh', 'sh'])
    expect(programsIn(await isolated(launcher, {}))).toEqual(['bwrap', 'setpriv', 'sh', 'sh'])
    expect(execFileSync(ofProject.command, ofProject.args, { cwd: '/', env: ofProject.environment, encoding: 'utf8' })).toBe('')
  })
})

describe.each(ways)('A start that is isolated by $name', (way) => {
  test('The folder of a run that left nothing is removed without another process, and that of one that left folders as well', async () => {
    const home = temporaryFolder()
    const launcher = createLauncher(await isolationOf(way, home), { home, environment: {}, allowed: [] })
    let processes = 0
    const count = (): void => void (processes += 1)
    subscribe('child_process', count)
    onTestFinished(() => void unsubscribe('child_process', count))
    await (await isolated(launcher, { runId: 'left-nothing' })).end()
    expect(processes).toBe(0)
    const command = await isolated(launcher, { runId: 'left-folders' })
    mkdirSync(path.join(home, 'runs/left-folders/tmp/deep/deeper'), { recursive: true })
    await command.end()
    expect(processes).toBe(1)
    expect(readdirSync(path.join(home, 'runs'))).toEqual([])
  })

  test('A start that finds everything of the operator copied writes nothing over', async () => {
    const [home, operator] = [temporaryFolder(), temporaryFolder()]
    writeFileSync(path.join(operator, '.gitconfig'), '[user]\n')
    const launcher = createLauncher(await isolationOf(way, home), { home, environment: { HOME: operator }, allowed: [] })
    const needs = { ...noNeeds, settings: ['.gitconfig'] }
    const record = path.join(home, 'agents', AGENT, 'seeds.json')
    const changedAt = async (): Promise<bigint> => {
      await (await isolated(launcher, { needs })).end()
      return statSync(record, { bigint: true }).mtimeNs
    }
    const first = await changedAt()
    expect(await changedAt()).toBe(first)
    writeFileSync(path.join(operator, '.gitconfig'), '[user]\nname = Other\n')
    expect(await changedAt()).toBeGreaterThan(first)
  })
})
