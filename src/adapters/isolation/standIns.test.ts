import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { outcomeOf } from '../testKit.ts'
import { isolatedServer, temporaryFolder, workingWays } from './testKit.ts'
import type { IsolatedServer } from './testKit.ts'
import { systemProgram } from './wrapper.ts'

const ways = await workingWays()

function put(file: string, text: string, mode = 0o600): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, mode)
}

/** The script of a stand-in: it uses its sign-in and refreshes it, starts a server by npx, and reaches the ssh agent and git. */
const standIn = (signIn: string, answer: string): string => `#!/usr/bin/env node
const { execFileSync } = require('node:child_process')
const { mkdtempSync, readFileSync, renameSync, writeFileSync } = require('node:fs')
const file = process.env.HOME + '/${signIn}'
const { token } = JSON.parse(readFileSync(file, 'utf8'))
writeFileSync(file + '.new', JSON.stringify({ token: token + '+1' }))
renameSync(file + '.new', file)
const said = (command, args) => { try { return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim() } catch (error) { return 'exit ' + error.status + ' ' + error.stdout + error.stderr } }
const facts = {
  token,
  user: require('node:os').userInfo().homedir === process.env.HOME,
  package: require('./package.json').name,
  server: said('npx', ['-y', 'mcp-stand-in']),
  name: said('git', ['config', 'user.name']),
  ssh: process.env.SSH_AUTH_SOCK === undefined ? 'none' : said('ssh-add', ['-l']),
  commit: said('git', ['commit', '--allow-empty', '-q', '-m', 'by the agent']),
  proxy: process.env.HTTPS_PROXY,
}
writeFileSync(process.env.HOME + '/.claude-settings-of-the-agent', 'kept')
${answer}`

const NVM = '.nvm/versions/node/v20.0.0'

/** Installs both tools as their installers do: links in ~/.local/bin to scripts of packages below ~/.nvm. */
function installTools(home: string): string {
  const packages = path.join(home, NVM, 'lib/node_modules')
  const report = `console.log(JSON.stringify({ type: 'result', subtype: 'success', is_error: false, result: JSON.stringify(facts), session_id: 's-1', usage: {} }))`
  put(path.join(packages, 'claude-code/cli.js'), standIn('.claude/.credentials.json', report), 0o755)
  const items = `console.log(JSON.stringify({ type: 'item.completed', item: { type: 'agent_message', text: JSON.stringify(facts) } }))`
  put(path.join(packages, 'codex/bin/codex.js'), standIn('.codex/auth.json', items).replace('./package.json', '../package.json'), 0o755)
  for (const name of ['claude-code', 'codex']) put(path.join(packages, name, 'package.json'), JSON.stringify({ name }), 0o644)
  put(path.join(packages, 'npm/bin/npx-cli.js'), `#!/usr/bin/env node\nconsole.log('served ' + process.argv[3])\n`, 0o755)
  mkdirSync(path.join(home, NVM, 'bin'))
  symlinkSync(process.execPath, path.join(home, NVM, 'bin/node'))
  symlinkSync('../lib/node_modules/npm/bin/npx-cli.js', path.join(home, NVM, 'bin/npx'))
  mkdirSync(path.join(home, '.local/bin'), { recursive: true })
  symlinkSync(`../../${NVM}/lib/node_modules/claude-code/cli.js`, path.join(home, '.local/bin/claude'))
  symlinkSync(`../../${NVM}/lib/node_modules/codex/bin/codex.js`, path.join(home, '.local/bin/codex'))
  put(path.join(home, '.claude/.credentials.json'), '{"token":"one"}')
  put(path.join(home, '.claude/settings.json'), '{"model":"opus"}')
  put(path.join(home, '.codex/auth.json'), '{"token":"one"}')
  put(path.join(home, '.gitconfig'), '[user]\n  name = The Operator\n  email = operator@example.com\n', 0o644)
  return [path.join(home, '.local/bin'), path.join(home, NVM, 'bin'), '/usr/local/bin:/usr/bin:/bin'].join(':')
}

function startSshAgent(): string | undefined {
  const program = systemProgram('ssh-agent')
  if (program === null) return undefined
  const socket = path.join(temporaryFolder(), 'agent')
  const agent = spawn(program, ['-D', '-a', socket], { stdio: 'ignore' })
  onTestFinished(() => void agent.kill('SIGKILL'))
  while (statSync(socket, { throwIfNoEntry: false }) === undefined) execFileSync('sleep', ['0.02'])
  return socket
}

/** A project of the operator's, in a folder that only its owner may enter. */
function makeProject(): string {
  const project = temporaryFolder()
  execFileSync('git', ['init', '-q', project])
  return project
}

interface Scene {
  readonly server: IsolatedServer
  readonly project: string
}

async function scene(way: (typeof ways)[number]): Promise<Scene> {
  const socket = startSshAgent()
  let searchPath = ''
  const server = await isolatedServer({
    way,
    environment: { SSH_AUTH_SOCK: socket, HTTPS_PROXY: 'http://proxy.example:3128' },
    prepare: (home) => (searchPath = installTools(home)),
  })
  expect(searchPath).not.toBe('')
  return { server, project: makeProject() }
}

const tools = [
  { type: 'claude_local', signIn: '.claude/.credentials.json', name: 'claude-code' },
  { type: 'codex_local', signIn: '.codex/auth.json', name: 'codex' },
] as const

describe.each(ways)('A tool that is installed as the real ones are, isolated by $name', (way) => {
  test.each(tools)('$name finds its packages, sign-in, npx, git and the ssh agent, and works in a project', async (tool) => {
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

  test.each(tools)(
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
})
