import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { authSmoke } from './authSmoke.ts'
import { commandLineSmoke } from './commandLineSmoke.ts'
import { mcpSmoke } from './mcpSmoke.ts'
import { install } from './install.ts'
import { createReport } from './report.ts'
import { createSetup } from './setup.ts'

// Tests the published clients of Paperclip (command line and MCP server) against this server as `npm start` runs it.

const COMMAND_LINE = 'paperclipai@2026.403.0'
const MCP_SERVER = '@paperclipai/mcp-server@2026.817.0'

const root = path.resolve(import.meta.dirname, '../../..')

interface RunningServer {
  readonly base: string
  /** The URL by which it can be claimed; null where it needs none. */
  readonly claimUrl: string | null
  stop(): Promise<void>
}

/** Runs `npm start` on a free port with its own home. @param settings further variables of the server */
async function startServer(home: string, settings: Readonly<Record<string, string>> = {}): Promise<RunningServer> {
  const child = spawn('npm', ['start', '--silent'], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: home, PAPERCLIP_HOME: path.join(home, 'server'), PORT: '0', ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'close')
  const announced = await new Promise<Pick<RunningServer, 'base' | 'claimUrl'>>((resolve, reject) => {
    let printed: string | null = null
    child.once('exit', (code) => reject(new Error(`npm start exited with ${code}`)))
    createInterface(child.stdout).on('line', (line) => {
      const { msg, url, claimUrl } = JSON.parse(line) as { msg?: string; url?: string; claimUrl?: string }
      printed = claimUrl ?? printed
      if (msg === 'listening' && url !== undefined) resolve({ base: url, claimUrl: printed })
    })
  })
  return {
    ...announced,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-clients-'))
// Postgres refuses to run as root. The folder must be accessible to the other account that runs it.
chmodSync(folder, 0o755)
const report = createReport()
try {
  const commandLine = install(COMMAND_LINE, path.join(folder, 'command-line'))
  const mcpServer = install(MCP_SERVER, path.join(folder, 'mcp-server'))
  const server = await startServer(folder)
  try {
    const setup = await createSetup(server.base)
    process.stdout.write(`${COMMAND_LINE}\n`)
    await commandLineSmoke(path.join(commandLine, 'paperclipai'), folder, setup, report)
    process.stdout.write(`${MCP_SERVER}\n`)
    await mcpSmoke(path.join(mcpServer, 'paperclip-mcp-server'), setup, report)
  } finally {
    await server.stop()
  }
  const people = path.join(folder, 'people')
  mkdirSync(people, { mode: 0o755 })
  const signingIn = await startServer(people, { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' })
  try {
    process.stdout.write(`${COMMAND_LINE} where people sign in\n`)
    const { base, claimUrl } = signingIn
    report.record('an authenticated server prints a URL to claim it', claimUrl === null ? 'there is none' : null)
    if (claimUrl !== null) await authSmoke(path.join(commandLine, 'paperclipai'), people, { base, claimUrl }, report)
  } finally {
    await signingIn.stop()
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = report.close()
