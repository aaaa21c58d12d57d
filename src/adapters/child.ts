import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { settlesWithin } from '../platform/kernel/timeout.ts'
import { emit } from './adapter.ts'
import type { ErrorCode, Job, OutputTotals, RunListener } from './adapter.ts'
import { watchDescendants } from './descendants.ts'
import { killTree } from './processTree.ts'
import { processIdentity } from './processIdentity.ts'
import { createOutput } from './output.ts'
import type { Output } from './output.ts'
import { deferred } from './deferred.ts'
import type { Deferred } from './deferred.ts'

/** A program and its arguments, never a line for a shell. */
export interface Invocation {
  readonly command: string
  readonly args: readonly string[]
  /** Written to the program's standard input, which is then closed. Null gives the program no standard input. */
  readonly input: string | null
}

/** An invocation with its working folder and its environment. */
export interface Command extends Invocation {
  readonly cwd: string
  readonly environment: Readonly<Record<string, string>>
  /** Whether it is the outside of a namespace: its end ends every process of the run. */
  readonly isSealed?: boolean
  /** Called once, when no process of the run is left or none was started. */
  readonly end?: () => Promise<void>
}

export interface ChildLimits {
  readonly timeoutMs: number
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number
  readonly outputBytes: number
  /** How long a slow listener may delay the end of a run whose command has exited. */
  readonly drainMs: number
}

export interface ChildOptions {
  readonly job: Job
  /** Called when the run starts, so that the command of a run that is cancelled meanwhile does not start. */
  readonly prepare: () => Promise<Command | NotStarted>
  readonly limits: ChildLimits
  readonly secrets: readonly string[]
  readonly onLine?: ((line: string, stream: 'stdout' | 'stderr') => void) | undefined
}

/** Why a command is not started. */
export interface NotStarted {
  readonly problem: string
  /** By default the command's own trouble. */
  readonly errorCode?: ErrorCode
}

interface Stop {
  readonly cause: 'cancelled' | 'timed_out'
  readonly reason: string
}

/** How a command ended, and whether it was stopped. */
export interface ChildResult {
  /** Why it did not start; the other facts are then empty. */
  readonly problem: string | null
  readonly errorCode?: ErrorCode | undefined
  readonly stop: Stop | null
  readonly exitCode: number | null
  readonly signal: string | null
  readonly output: OutputTotals
}

/** No caller waits for a process that outlives its parent after an ordinary exit, so it gets less time to end. */
const LEFTOVER_GRACE_MS = 2_000
/** After every process of the group has ended, only a process that left the group can hold a pipe open. It is not waited for. */
const IDLE_TIMEOUT_MS = 500
export const DRAIN_MS = 10_000
/** A process in an uninterruptible system call survives SIGKILL; its run must end nevertheless. */
const EXIT_AFTER_KILL_MS = 5_000

/** Runs one command in a process group of its own until every process of the group has ended. `result` never rejects. */
export function runChild(listener: RunListener, options: ChildOptions): { result: Promise<ChildResult>; cancel: (reason: string) => void } {
  const stop = deferred<Stop>()
  const { secrets, limits, onLine } = options
  const output = createOutput(listener, { limitBytes: limits.outputBytes, secrets, onLine })
  const result = supervise(listener, options, output, stop).catch((error: unknown) =>
    notSpawned(output, `The run could not be supervised: ${String(error)}`),
  )
  return { result, cancel: (reason) => stop.resolve({ cause: 'cancelled', reason }) }
}

const notSpawned = (output: Output, problem: string | null, stop: Stop | null = null): ChildResult => ({
  problem,
  stop,
  exitCode: null,
  signal: null,
  output: output.totals(),
})

async function supervise(listener: RunListener, options: ChildOptions, output: Output, stop: Deferred<Stop>): Promise<ChildResult> {
  const command = await options.prepare()
  if ('problem' in command)
    return { ...notSpawned(output, stop.value() === null ? command.problem : null, stop.value()), errorCode: command.errorCode }
  try {
    return await superviseCommand(listener, { options, command, output, stop })
  } finally {
    await command.end?.()
  }
}

interface Supervision {
  readonly options: ChildOptions
  readonly command: Command
  readonly output: Output
  readonly stop: Deferred<Stop>
}

async function superviseCommand(listener: RunListener, { options, command, output, stop }: Supervision): Promise<ChildResult> {
  const { job, limits } = options
  if (stop.value() !== null) return notSpawned(output, null, stop.value())
  const started = await spawnCommand(command, () => stop.value() === null && listener.mayStart?.() !== false)
  if (started === null) return notSpawned(output, null, stop.value() ?? STOPPED_BEFORE_START)
  if ('problem' in started) return notSpawned(output, started.problem)
  const { child, pid, exited } = started
  const identity = processIdentity(pid)
  const { startTime } = identity
  emit(listener, { kind: 'started', process: identity })
  // The end of a namespace ends them all, so there is nothing to watch.
  const descendants = command.isSealed === true ? null : watchDescendants(pid)

  const consumed = Promise.all(streamsOf(child).map(([stream, name]) => output.consume(stream, name)))
  const deadline = setTimeout(() => {
    stop.resolve({ cause: 'timed_out', reason: `Timed out after ${limits.timeoutMs / 1000} s` })
  }, limits.timeoutMs)
  await Promise.race([exited, stop.promise])
  clearTimeout(deadline)

  // A stop that comes after the command has exited by itself does not change how the run ended.
  const stopRequest = stop.value()
  const signalled = (why: string) => (signal: 'SIGTERM' | 'SIGKILL') => emit(listener, { kind: 'signalled', signal, why })
  if (stopRequest !== null) {
    // Not awaited: a listener that is stuck must not keep the command alive.
    output.write('system', `${stopRequest.reason}\n`).catch(() => {})
    const tree = { group: pid, runId: job.runId, startTime, isSealed: command.isSealed, strays: descendants?.alive }
    await killTree(tree, limits.graceMs, signalled(stopRequest.reason))
  }
  const { code, signal } = await exitOf(exited)
  const leftoverGraceMs = Math.min(limits.graceMs, LEFTOVER_GRACE_MS)
  // A child that left the group is seen by its parents or by the run's id in its environment. Nothing of a run outlives it.
  const runId = command.isSealed === true ? null : job.runId
  const leftover = { group: pid, runId, startTime, isSealed: command.isSealed, strays: descendants?.alive }
  await killTree(leftover, leftoverGraceMs, signalled('The command has exited'))
  descendants?.stop()
  emit(listener, { kind: 'exited', exitCode: code, signal })
  await drain(child, output, consumed, limits.drainMs)
  return { problem: null, stop: stopRequest, exitCode: code, signal, output: output.totals() }
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

const LEFT_BEHIND = 'A process that the command started still holds its output. It was not found, and may still run\n'
const STOPPED_BEFORE_START: Stop = { cause: 'cancelled', reason: 'The run was over before its command could be started' }

/** @returns null when the command may not start any more */
async function spawnCommand(command: Command, mayStart: () => boolean): Promise<Started | { problem: string } | null> {
  const folder = await stat(command.cwd).catch(() => null)
  if (folder === null || !folder.isDirectory()) return { problem: `The working folder does not exist: ${command.cwd}` }
  if (!mayStart()) return null
  try {
    const child = spawn(command.command, command.args, {
      cwd: command.cwd,
      env: { ...command.environment },
      // A process group of its own, whose id is the child's pid: the group is signalled as a whole.
      detached: true,
      shell: false,
      stdio: [command.input === null ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const { pid } = child
    if (pid === undefined) return { problem: problemOf(command, (await once(child, 'error'))[0]) }
    const exited = new Promise<Exited>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    // Errors after the start concern signals to a child that has exited.
    child.on('error', () => {})
    // A program that does not read its input closes its end of the pipe, which is no error of the run.
    child.stdin?.on('error', () => {})
    child.stdin?.end(command.input ?? '')
    return { child, pid, exited }
  } catch (error) {
    return { problem: problemOf(command, error) }
  }
}

// The system's own message repeats the arguments, which may be secret; the error code is enough.
const problemOf = ({ command }: Command, error: unknown): string =>
  `The command cannot be started: ${command} (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`

const streamsOf = ({ stdout, stderr }: ChildProcess): (readonly [Readable, 'stdout' | 'stderr'])[] => [
  ...(stdout === null ? [] : [[stdout, 'stdout'] as const]),
  ...(stderr === null ? [] : [[stderr, 'stderr'] as const]),
]

async function exitOf(exited: Promise<Exited>): Promise<Exited> {
  return (await settlesWithin(exited, EXIT_AFTER_KILL_MS)) ? await exited : { code: null, signal: 'SIGKILL' }
}

/** Reads the rest of the pipes. Resolves when they end, when they are idle, or after `drainMs`. */
async function drain(child: ChildProcess, output: Output, consumed: Promise<unknown>, drainMs: number): Promise<void> {
  const deadline = performance.now() + drainMs
  for (let before = -1; (before !== output.activityCount() || output.isDelivering()) && performance.now() < deadline;) {
    before = output.activityCount()
    if (await settlesWithin(consumed, Math.min(IDLE_TIMEOUT_MS, drainMs))) return
  }
  // Everything of the run that this server could find has ended. The holder of its output may be no descendant, so it gets no signal.
  if (!output.isDelivering()) await settlesWithin(output.write('system', LEFT_BEHIND), IDLE_TIMEOUT_MS)
  output.close()
  for (const [stream] of streamsOf(child)) stream.destroy()
}
