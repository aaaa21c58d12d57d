import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { Chunk, FinishedOutcome, AdapterOutcome, Job, LifecycleEvent, RunListener, StartedRun } from './adapter.ts'
import { createAdapters } from './registry.ts'
import type { AdapterType } from '../model/adapterTypes.ts'
import type { AdapterOptions } from './registry.ts'

export const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.run-token-of-this-run.signature'

export const jobWith = (config: unknown, facts: Partial<Job> = {}): Job => ({
  runId: crypto.randomUUID(),
  agentId: 'a0000000-0000-4000-8000-000000000001',
  companyId: 'c0000000-0000-4000-8000-000000000001',
  issueId: 'b0000000-0000-4000-8000-000000000001',
  wakeReason: 'issue_assigned',
  apiUrl: 'http://127.0.0.1:3100',
  token: TOKEN,
  config,
  sessionIdBefore: null,
  prompt: 'Continue with your work.',
  ...facts,
})

/** A listener that remembers, and can be waited on. */
export interface Recorder extends RunListener {
  readonly chunks: readonly Chunk[]
  readonly events: readonly LifecycleEvent[]
  text(stream: Chunk['stream']): string
  /** Resolves once what was said contains a text; rejects when the run ends without it. */
  waitForText(text: string): Promise<void>
  signals(): string[]
  /** The run is over with this exit: nothing more is said. */
  finish(exit: AdapterOutcome): void
}

export function recorder(): Recorder {
  const chunks: Chunk[] = []
  const events: LifecycleEvent[] = []
  let waiters: (() => void)[] = []
  let outcome: AdapterOutcome | null = null
  const text = (stream: Chunk['stream']): string =>
    chunks
      .filter((chunk) => chunk.stream === stream)
      .map(({ chunk }) => chunk)
      .join('')
  return {
    chunks,
    events,
    text,
    output(chunk) {
      chunks.push(chunk)
      for (const check of waiters) check()
    },
    event(event) {
      events.push(event)
    },
    async waitForText(wanted) {
      await new Promise<void>((resolve, reject) => {
        const check = (): void => {
          if (text('stdout').includes(wanted)) resolve()
          else if (outcome !== null) reject(new Error(`the run ended and never said ${wanted}: ${JSON.stringify(outcome)}`))
        }
        waiters = [...waiters, check]
        check()
      })
    },
    finish(exit) {
      outcome = exit
      for (const check of waiters) check()
    },
    signals: () => events.flatMap((event) => (event.kind === 'signalled' ? [event.signal] : [])),
  }
}

/** Adapters of a server with nothing special about it. */
export const adaptersWith = (options: Partial<AdapterOptions> = {}) =>
  createAdapters({
    environment: { PATH: process.env['PATH'] },
    // The folder that the suite removes when it is over (testing/workFolder.ts).
    workFolder: path.join(tmpdir(), `paperclip-work-${process.pid}`),
    allowedTypes: null,
    allowedAddresses: [],
    ...options,
  })

export interface Run extends StartedRun {
  readonly recorded: Recorder
  readonly job: Job
}

/** Starts a run; whatever a failing test leaves of it is ended with the test. */
export function startTestRun(type: AdapterType, config: unknown, facts: Partial<Job> = {}, options: Partial<AdapterOptions> = {}): Run {
  const recorded = recorder()
  const job = jobWith(config, facts)
  const run = adaptersWith(options).start(type, job, recorded)
  run.outcome.then((exit) => recorded.finish(exit)).catch(() => {})
  onTestFinished(() => run.cancel('The test is over'))
  return { ...run, recorded, job }
}

/** The end of a run that ends here. */
export async function outcomeOf(run: StartedRun): Promise<FinishedOutcome> {
  return expectFinished(await run.outcome)
}

export function expectFinished(exit: AdapterOutcome): FinishedOutcome {
  if (exit.pending) throw new Error('the run is pending')
  return exit
}

export const shellCommand = (script: string, ...args: string[]) => ({ command: 'sh', args: ['-c', script, 'sh', ...args] })

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-adapters-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes an executable shell script and returns its path. */
export function executable(script: string): string {
  const file = path.join(temporaryFolder(), 'stand-in')
  // Written by another process: a fork of this one, in another test's thread, would hold the file open for writing, and
  // such a file is not executed.
  execFileSync('sh', ['-c', 'cat > "$1" && chmod 755 "$1"', 'sh', file], { input: `#!/bin/sh\n${script}\n` })
  return file
}

/** Whether a process is there and not merely a zombie that nobody reaps. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '')
  } catch {
    return false
  }
}

/** Polls: the end of a process that is not our child tells nobody. */
export async function waitForExit(pid: number): Promise<void> {
  const deadline = performance.now() + 10_000
  while (isAlive(pid)) {
    if (performance.now() > deadline) throw new Error(`${pid} lives on`)
    await sleep(10)
  }
}

/** The numbers in what a command printed: its pids. */
export const pidsIn = (text: string): number[] => [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits))

/** Lists of short values, written as people read them. */
export const splitWords = (text: string): string[] => text.split(' ')
