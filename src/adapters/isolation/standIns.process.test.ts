import { execFileSync } from 'node:child_process'
import { chmodSync, readFileSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { isFullCheck } from '../../dev/testing/fullCheck.ts'
import { outcomeOf } from '../testKit.ts'
import { installTools, makeProject, put, startSshAgent, tools } from './standIns.fixture.ts'
import type { ForeignSignIn } from './launch.ts'
import { AGENT, isolatedServer, temporaryFolder, workingWays } from './testKit.ts'
import type { IsolatedServer } from './testKit.ts'

const ways = await workingWays()

interface Scene {
  readonly server: IsolatedServer
  readonly project: string
}

async function scene(way: (typeof ways)[number], onForeignSignIn: (facts: ForeignSignIn) => void = () => {}): Promise<Scene> {
  const socket = startSshAgent()
  let searchPath = ''
  const server = await isolatedServer({
    way,
    onForeignSignIn,
    environment: { SSH_AUTH_SOCK: socket, HTTPS_PROXY: 'http://proxy.example:3128' },
    prepare: (home) => (searchPath = installTools(home)),
  })
  expect(searchPath).not.toBe('')
  return { server, project: makeProject() }
}

describe.each(ways)('A tool that is installed as the real ones are, isolated by $name', (way) => {
  /** The tools that are tried in this way. A full check tries each in each; otherwise every test tries each tool once, and each way. */
  const inTurn = (turn: number) =>
    isFullCheck || ways.length === 1 ? tools : tools.filter((_, at) => (at + ways.indexOf(way) + turn) % ways.length === 0)

  test.each(inTurn(0))('$name finds its packages, sign-in, npx, git and the ssh agent, and works in a project', async (tool) => {
    const { server, project } = await scene(way)
    const run = server.startAs(tool.type, { cwd: project })
    const end = await outcomeOf(run)
    expect(end, run.recorded.text('stderr')).toMatchObject({ status: 'succeeded' })
    const facts = JSON.parse(String(end.result?.['summary'])) as Record<string, unknown>
    expect(facts).toMatchObject({
      token: 'one',
      user: true,
      package: tool.name,
      server: 'served mcp-stand-in',
      name: 'The Operator',
      commit: '',
      proxy: 'http://proxy.example:3128',
    })
    expect(facts['ssh']).toMatch(/no identities|^none$/)
    // The operator sees the commit, and git does not doubt who owns the project.
    expect(execFileSync('git', ['-C', project, 'log', '--format=%s'], { encoding: 'utf8' })).toBe('by the agent\n')
  })

  test.each(inTurn(1))(
    'A sign-in that $name refreshed is the operator’s and the next agent’s, and nothing else of the agent is',
    async (tool) => {
      const { server, project } = await scene(way)
      const file = path.join(server.operatorHome, tool.signIn)
      const before = statSync(file)
      await outcomeOf(server.startAs(tool.type, { cwd: project }))
      expect(readFileSync(file, 'utf8')).toBe('{"token":"one+1"}')
      const { mode, uid, ino } = statSync(file)
      expect({ mode: mode & 0o777, uid }).toEqual({ mode: 0o600, uid: before.uid })
      expect(ino).not.toBe(before.ino)
      expect(readdirSync(server.operatorHome)).not.toContain('.claude-settings-of-the-agent')
      const next = await outcomeOf(server.startAs(tool.type, { cwd: project }, { agentId: crypto.randomUUID() }))
      expect(JSON.parse(String(next.result?.['summary']))).toMatchObject({ token: 'one+1' })
    },
  )

  test('An agent that writes into its settings or puts links into its home changes nothing of the operator’s or the server’s', async () => {
    const { server } = await scene(way)
    const settings = path.join(server.operatorHome, '.claude/settings.json')
    const script = `mkdir -p $HOME/.claude; echo '{"hooks":"evil"}' > $HOME/.claude/settings.json; rm -rf $HOME/.ssh $HOME/.codex; ln -s ${server.home} $HOME/.codex; ln -s ${server.secretFile} $HOME/.claude/.credentials.json`
    await server.output(script)
    put(path.join(server.operatorHome, '.codex/auth.json'), '{"token":"two"}')
    await outcomeOf(server.startAs('codex_local', {}))
    await outcomeOf(server.startAs('claude_local', {}))
    expect(readFileSync(settings, 'utf8')).toBe('{"model":"opus"}')
    expect(readFileSync(server.secretFile, 'utf8')).toBe('the secret of the server')
    expect(readdirSync(server.home)).not.toContain('auth.json')
    expect(readFileSync(path.join(server.operatorHome, '.codex/auth.json'), 'utf8')).toBe('{"token":"two"}')
  })

  test('A sign-in that an agent has exchanged for one of another account stays with the agent, and is reported', async () => {
    const reported: ForeignSignIn[] = []
    const { server } = await scene(way, (facts) => reported.push(facts))
    const file = path.join(server.operatorHome, '.codex/auth.json')
    const signIn = '{"tokens":{"account_id":"a-1","refresh_token":"r1"}}'
    put(file, signIn)
    const command = path.join(temporaryFolder(), 'codex')
    chmodSync(path.dirname(command), 0o755)
    const write = (text: string): void => put(command, `#!/bin/sh\ncat > /dev/null; echo '${text}' > $HOME/.codex/auth.json\n`, 0o755)
    write(signIn.replace('a-1', 'of-the-agent'))
    await outcomeOf(server.startAs('codex_local', { command }))
    expect(readFileSync(file, 'utf8')).toBe(signIn)
    expect(reported).toMatchObject([{ agentId: AGENT, files: ['.codex/auth.json'] }])
    write(signIn.replace('r1', 'r2'))
    await outcomeOf(server.startAs('codex_local', { command }))
    expect(readFileSync(file, 'utf8')).toBe(`${signIn.replace('r1', 'r2')}\n`)
    expect(reported).toHaveLength(1)
  })
})
