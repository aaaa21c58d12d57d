import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import type { Job, Listener } from './adapter.ts'
import { endFamily } from './family.ts'
import { processIdentity } from './identity.ts'
import { createOutput, tell } from './output.ts'
import type { Output } from './output.ts'
import { latch, settlesWithin } from './waiting.ts'
import type { Latch } from './waiting.ts'

/** What is started: a program and its arguments, never a line for a shell. */
export interface Command {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  /** Written to the program's standard input, which is then closed; null gives it none. */
  readonly input: string | null
}

export interface ChildLimits {
  readonly timeoutMs: number
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number
  readonly outputBytes: number
  /** The longest a slow listener may keep an ended run from ending. */
  readonly drainMs: number
}

export interface ChildOptions {
  readonly job: Job
  /** Prepared here rather than before, so that a run that is cancelled meanwhile starts nothing. */
  readonly prepare: () => Promise<Command | { readonly problem: string }>
  readonly limits: ChildLimits
  readonly secrets: readonly string[]
  readonly onLine?: ((line: string, stream: 'stdout' | 'stderr') => void) | undefined
}

interface Stop {
  readonly why: 'cancelled' | 'timed_out'
  readonly reason: string
}

/** How a command ended, and whether it did so by itself. */
export interface ChildEnd {
  /** Why it did not start; the other facts are then empty. */
  readonly problem: string | null
  readonly stop: Stop | null
  readonly exitCode: number | null
  readonly signal: string | null
  readonly output: ReturnType<Output['totals']>
}

/** What outlives its parent after an ordinary end is not being waited for by anybody: it gets less time. */
const LEFTOVER_GRACE_MS = 2_000
/** After everything of the run is gone, a pipe can only be held by a process that left the group: it is not waited for. */
const QUIET_MS = 500
export const DRAIN_MS = 10_000
/** A process in an uninterruptible call survives SIGKILL; its run must end all the same. */
const EXIT_AFTER_KILL_MS = 5_000

/** Runs one command in a process group of its own, until nothing of it is left. `end` never rejects. */
export function runChild(listener: Listener, options: ChildOptions): { end: Promise<ChildEnd>; cancel: (reason: string) => void } {
  const stop = latch<Stop>()
  const { secrets, limits, onLine } = options
  const output = createOutput(listener, { limitBytes: limits.outputBytes, secrets, onLine })
  const end = live(listener, options, output, stop).catch((error: unknown) =>
    unstarted(output, `The run could not be supervised: ${String(error)}`),
  )
  return { end, cancel: (reason) => stop.set({ why: 'cancelled', reason }) }
}

const unstarted = (output: Output, problem: string | null, stop: Stop | null = null): ChildEnd => ({
  problem,
  stop,
  exitCode: null,
  signal: null,
  output: output.totals(),
})

async function live(listener: Listener, options: ChildOptions, output: Output, stop: Latch<Stop>): Promise<ChildEnd> {
  const { job, limits } = options
  const command = await options.prepare()
  if (stop.value() !== null) return unstarted(output, null, stop.value())
  if ('problem' in command) return unstarted(output, command.problem)
  const started = await start(command, () => stop.value() === null && listener.mayStart?.() !== false)
  if (started === null) return unstarted(output, null, stop.value() ?? TOO_LATE)
  if ('problem' in started) return unstarted(output, started.problem)
  const { child, pid, exited } = started
  tell(listener, { kind: 'started', process: processIdentity(pid) })

  const pumps = Promise.all(streamsOf(child).map(([stream, name]) => output.pump(stream, name)))
  const deadline = setTimeout(() => {
    stop.set({ why: 'timed_out', reason: `Timed out after ${limits.timeoutMs / 1000} s` })
  }, limits.timeoutMs)
  await Promise.race([exited, stop.promise])
  clearTimeout(deadline)

  // A stop that comes once the command has exited by itself is too late to change how it ended.
  const stopped = stop.value()
  const signalled = (why: string) => (signal: 'SIGTERM' | 'SIGKILL') => tell(listener, { kind: 'signalled', signal, why })
  if (stopped !== null) {
    // Not awaited: a listener that is stuck must not keep what it listens to alive.
    output.say('system', `${stopped.reason}\n`).catch(() => {})
    await endFamily({ group: pid, runId: job.runId }, limits.graceMs, signalled(stopped.reason))
  }
  const { code, signal } = await exitOf(exited)
  const leftoverGraceMs = Math.min(limits.graceMs, LEFTOVER_GRACE_MS)
  await endFamily({ group: pid, runId: null }, leftoverGraceMs, signalled('The command has exited'))
  tell(listener, { kind: 'exited', exitCode: code, signal })
  await drain(child, output, pumps, limits.drainMs)
  return { problem: null, stop: stopped, exitCode: code, signal, output: output.totals() }
}

interface Exited {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

interface Started {
  readonly child: ChildProcess
  readonly pid: number
  readonly exited: Promise<Exited>
}

const TOO_LATE: Stop = { why: 'cancelled', reason: 'The run was over before its command could be started' }

/** @returns null where it may not start any more */
async function start(command: Command, mayStart: () => boolean): Promise<Started | { problem: string } | null> {
  const folder = await stat(command.cwd).catch(() => null)
  if (folder === null || !folder.isDirectory()) return { problem: `The working folder does not exist: ${command.cwd}` }
  if (!mayStart()) return null
  try {
    const child = spawn(command.command, command.args, {
      cwd: command.cwd,
      env: { ...command.environment },
      // A group of its own, whose number is the child's pid: it is signalled as a whole.
      detached: true,
      shell: false,
      stdio: [command.input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const { pid } = child
    if (pid === undefined) return { problem: problemOf(command, (await once(child, 'error'))[0]) }
    const exited = new Promise<Exited>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    // Errors after the start are about signals to a child that is gone.
    child.on('error', () => {})
    // Who does not read what it is told closes its end; that is its choice.
    child.stdin?.on('error', () => {})
    child.stdin?.end(command.input ?? '')
    return { child, pid, exited }
  } catch (error) {
    return { problem: problemOf(command, error) }
  }
}

// The system's own message repeats the arguments; its code says what is needed.
const problemOf = ({ command }: Command, error: unknown): string =>
  `The command cannot be started: ${command} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`

const streamsOf = ({ stdout, stderr }: ChildProcess): (readonly [Readable, 'stdout' | 'stderr'])[] => [
  ...(stdout === null ? [] : [[stdout, 'stdout'] as const]),
  ...(stderr === null ? [] : [[stderr, 'stderr'] as const]),
]

async function exitOf(exited: Promise<Exited>): Promise<Exited> {
  return (await settlesWithin(EXIT_AFTER_KILL_MS, exited)) ? await exited : { code: null, signal: 'SIGKILL' }
}

/** Takes what is still in the pipes. Ends when they end, when nothing comes any more, or when it takes too long. */
async function drain(child: ChildProcess, output: Output, pumps: Promise<unknown>, drainMs: number): Promise<void> {
  const deadline = performance.now() + drainMs
  for (let before = -1; (before !== output.activity() || output.isHanding()) && performance.now() < deadline;) {
    before = output.activity()
    if (await settlesWithin(Math.min(QUIET_MS, drainMs), pumps)) return
  }
  output.close()
  for (const [stream] of streamsOf(child)) stream.destroy()
}
