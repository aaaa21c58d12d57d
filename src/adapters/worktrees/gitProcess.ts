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

/** How long the pipes of an ended script may stay open: the processor may be busy, and a program that left the group may keep them. */
const DRAIN_MS = 3000

/** Ends the group of a script: git starts further processes of git. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // All of it has ended.
  }
}

/**
 * Waits for the end of a script, and not for the end of its pipes: a program that it has left could keep them open for any time, and the slot of the
 * script with them.
 * @param onEnd is given the function that ends the script, with the reason
 */
function exitOf(child: ChildProcess, onEnd: (end: (why: string) => void) => void): Promise<{ code: number | null; why: string }> {
  return new Promise((resolve) => {
    let why = ''
    let draining: NodeJS.Timeout | undefined
    const settle = (code: number | null): void => {
      clearTimeout(draining)
      child.stdout?.destroy()
      child.stderr?.destroy()
      resolve({ code, why })
    }
    const drain = (then: () => void): void => {
      draining ??= setTimeout(() => {
        then()
        killGroup(child)
        settle(null)
      }, DRAIN_MS)
    }
    onEnd((reason) => {
      why ||= reason
      killGroup(child)
      drain(() => {})
    })
    child.once('error', (error) => {
      why ||= `git could not be started: ${(error as NodeJS.ErrnoException).code ?? error.message}`
      settle(null)
    })
    child.once('exit', () => drain(() => (why ||= 'A program that git started did not end with it')))
    child.once('close', settle)
  })
}

async function resultOf(child: ChildProcess, timeoutMs: number): Promise<ScriptResult> {
  const [output, complaint]: [Buffer[], Buffer[]] = [[], []]
  let [outputBytes, complaintBytes] = [0, 0]
  let timer: NodeJS.Timeout | undefined
  const { code, why } = await exitOf(child, (end) => {
    timer = setTimeout(() => end(`git took longer than ${Math.round(timeoutMs / 1000)} s and was ended`), timeoutMs)
    child.stdout?.on('data', (chunk: Buffer) => {
      outputBytes += chunk.length
      if (outputBytes > MAX_OUTPUT_BYTES) end('git wrote more than expected and was ended')
      else output.push(chunk)
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      if (complaintBytes < MAX_COMPLAINT_BYTES) complaint.push(chunk.subarray(0, MAX_COMPLAINT_BYTES - complaintBytes))
      complaintBytes += chunk.length
    })
  })
  clearTimeout(timer)
  const said = toStorableText(Buffer.concat(complaint).toString('utf8')).trim()
  const missing = code === 127 ? 'git is not installed on this host' : ''
  return {
    exitCode: why === '' ? code : null,
    output: Buffer.concat(output),
    complaint: [why || missing, said].filter((text) => text !== '').join('\n'),
  }
}
