// Stand-ins for `claude` and `codex`, installed as the real ones are, and what belongs to the operator who uses them.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './testKit.ts'
import { systemProgram } from './wrapper.ts'

/** Writes a file with its folders. */
export function put(file: string, text: string, mode = 0o600): void {
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
export function installTools(home: string): string {
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

export function startSshAgent(account: Account = {}): string | undefined {
  const program = systemProgram('ssh-agent')
  if (program === null) return undefined
  const socket = path.join(temporaryFolder(), 'agent')
  give(path.dirname(socket), account)
  const agent = spawn(program, ['-D', '-a', socket], { stdio: 'ignore', ...account })
  onTestFinished(() => void agent.kill('SIGKILL'))
  while (statSync(socket, { throwIfNoEntry: false }) === undefined) execFileSync('sleep', ['0.02'])
  return socket
}

/** A project of the operator's, in a folder that only its owner may enter. */
export function makeProject(account: Account = {}): string {
  const project = temporaryFolder()
  give(project, account)
  execFileSync('git', ['init', '-q', project], { ...account, cwd: '/', env: { PATH: process.env['PATH'] } })
  return project
}

/** Another account than that of the test; empty for that one. */
type Account = { readonly uid?: number; readonly gid?: number }

/** Gives a folder with its content to an account. */
export function give(folder: string, { uid, gid }: Account): void {
  if (uid !== undefined && gid !== undefined) execFileSync('chown', ['-hR', `${uid}:${gid}`, folder])
}

export const tools = [
  { type: 'claude_local', signIn: '.claude/.credentials.json', name: 'claude-code' },
  { type: 'codex_local', signIn: '.codex/auth.json', name: 'codex' },
] as const
