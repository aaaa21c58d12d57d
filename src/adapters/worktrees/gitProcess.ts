// Runs a script of git as the agent: under its account and in its namespace, where this server has them.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { noNeeds } from '../isolation/index.ts'
import type { Launcher } from '../isolation/index.ts'
import { systemProgram } from '../isolation/wrapper.ts'
import { toStorableText } from '../text.ts'
import { gitEnvironment } from './scripts.ts'

/** A list of 64 KiB of names and a few lines. */
const MAX_OUTPUT_BYTES = 128 * 1024
/** The part of a complaint that people read. */
const MAX_COMPLAINT_BYTES = 8 * 1024

export interface Script {
  readonly agentId: string
  /** The folder of the repository, as the board wrote it. */
  readonly repository: string
  /** The folder of the worktree; null for a script that has none. */
  readonly tree: string | null
  readonly script: string
  readonly args: readonly string[]
  readonly timeoutMs: number
}

export interface ScriptResult {
  /** Null when it was ended or could not be started. */
  readonly exitCode: number | null
  readonly output: Buffer
  /** The complaint of git, or why the script did not run or was ended; empty when it succeeded in silence. */
  readonly complaint: string
}

interface Started {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  end(): Promise<void>
}

const SHELL = '/bin/sh'

/** Without isolation agents have the rights of this server, and git has them too. It ends with the server, so that no script outlives it. */
async function plain({ repository, script, args }: Script): Promise<Started> {
  const setpriv = systemProgram('setpriv')
  const shell = [SHELL, '-c', script, 'sh', ...args]
  const [command = SHELL, ...rest] = setpriv === null ? shell : [setpriv, '--pdeathsig', 'KILL', '--', ...shell]
  const temporary = await mkdtemp(path.join(tmpdir(), 'paperclip-git-'))
  return {
    command,
    args: rest,
    cwd: repository,
    environment: { ...gitEnvironment, TMPDIR: temporary },
    end: () => rm(temporary, { recursive: true, force: true }),
  }
}

async function isolated(launcher: Launcher, { agentId, repository, tree, script, args }: Script): Promise<Started | { problem: string }> {
  return await launcher
    .isolate({
      // The private folder of the script.
      runId: randomUUID(),
      agentId,
      command: SHELL,
      args: ['-c', script, 'sh', ...args],
      cwd: repository,
      environment: gitEnvironment,
      named: tree === null ? [] : [tree],
      needs: noNeeds,
    })
    .catch((error: unknown) => ({ problem: `git could not be isolated: ${String(error)}` }))
}

/** Runs a script to its end. Never rejects. */
export async function runScript(launcher: Launcher | null, script: Script): Promise<ScriptResult> {
  const failed = (complaint: string): ScriptResult => ({ exitCode: null, output: Buffer.alloc(0), complaint })
  if (statSync(script.repository, { throwIfNoEntry: false })?.isDirectory() !== true)
    return failed(`The folder of the project does not exist: ${script.repository}`)
  const started = launcher === null ? await plain(script) : await isolated(launcher, script)
  if ('problem' in started) return failed(started.problem)
  try {
    const { command, args, cwd, environment } = started
    const child = spawn(command, args, { cwd, env: environment, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    return await resultOf(child, script.timeoutMs)
  } finally {
    await started.end().catch(() => {})
  }
}

async function resultOf(child: ChildProcess, timeoutMs: number): Promise<ScriptResult> {
  const [output, complaint]: [Buffer[], Buffer[]] = [[], []]
  let [outputBytes, complaintBytes] = [0, 0]
  let ended = ''
  const end = (why: string): void => {
    ended ||= why
    // Its group: git starts further processes of git.
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
  }
  const timer = setTimeout(() => end(`git took longer than ${Math.round(timeoutMs / 1000)} s and was ended`), timeoutMs)
  child.stdout?.on('data', (chunk: Buffer) => {
    outputBytes += chunk.length
    if (outputBytes > MAX_OUTPUT_BYTES) end('git wrote more than expected and was ended')
    else output.push(chunk)
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    if (complaintBytes < MAX_COMPLAINT_BYTES) complaint.push(chunk.subarray(0, MAX_COMPLAINT_BYTES - complaintBytes))
    complaintBytes += chunk.length
  })
  const exitCode = await new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      ended ||= `git could not be started: ${(error as NodeJS.ErrnoException).code ?? error.message}`
      resolve(null)
    })
    child.once('close', (code) => resolve(code))
  })
  clearTimeout(timer)
  const said = toStorableText(Buffer.concat(complaint).toString('utf8')).trim()
  const missing = exitCode === 127 ? 'git is not installed on this host' : ''
  return {
    exitCode: ended === '' ? exitCode : null,
    output: Buffer.concat(output),
    complaint: [ended || missing, said].filter((text) => text !== '').join('\n'),
  }
}
