import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import type { Chunk, FinishedOutcome, AdapterOutcome, Job, LifecycleEvent, RunListener, StartedRun } from './adapter.ts'
import { createAdapters } from './registry.ts'
import type { AdapterType } from '../model/adapterTypes.ts'
import type { AdapterOptions } from './registry.ts'

export const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.run-token-of-this-run.signature'

export const jobWith = (adapterConfig: unknown, facts: Partial<Job> = {}): Job => ({
  runId: crypto.randomUUID(),
  agentId: 'a0000000-0000-4000-8000-000000000001',
  companyId: 'c0000000-0000-4000-8000-000000000001',
  issueId: 'b0000000-0000-4000-8000-000000000001',
  wakeReason: 'issue_assigned',
  apiUrl: 'http://127.0.0.1:3100',
  token: TOKEN,
  adapterConfig,
  sessionIdBefore: null,
  prompt: 'Continue with your work.',
  ...facts,
})

/** A listener that records output and events, and that a test can wait for. */
export interface Recorder extends RunListener {
  readonly chunks: readonly Chunk[]
  readonly events: readonly LifecycleEvent[]
  text(stream: Chunk['stream']): string
  /** Resolves when stdout contains a text; rejects when the run ends without it. */
  waitForText(text: string): Promise<void>
  signals(): string[]
  /** Called when the run is over: no more output follows. */
  finish(outcome: AdapterOutcome): void
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
    async waitForText(expected) {
      await new Promise<void>((resolve, reject) => {
        const check = (): void => {
          if (text('stdout').includes(expected)) resolve()
          else if (outcome !== null) reject(new Error(`the run ended and never printed ${expected}: ${JSON.stringify(outcome)}`))
        }
        waiters = [...waiters, check]
        check()
      })
    },
    finish(finalOutcome) {
      outcome = finalOutcome
      for (const check of waiters) check()
    },
    signals: () => events.flatMap((event) => (event.kind === 'signalled' ? [event.signal] : [])),
  }
}

/** The adapters of a server with ordinary options. */
export const adaptersWith = (options: Partial<AdapterOptions> = {}) =>
  createAdapters({
    environment: { PATH: process.env['PATH'] },
    // The test suite removes this folder at its end (testing/workFolder.ts).
    workFolder: path.join(tmpdir(), `paperclip-work-${process.pid}`),
    allowedTypes: null,
    allowedAddresses: [],
    ...options,
  })

export interface Run extends StartedRun {
  readonly recorded: Recorder
  readonly job: Job
}

/** Starts a run, and cancels it when the test ends. */
export function startTestRun(type: AdapterType, config: unknown, facts: Partial<Job> = {}, options: Partial<AdapterOptions> = {}): Run {
  const recorded = recorder()
  const job = jobWith(config, facts)
  const run = adaptersWith(options).start(type, job, recorded)
  run.outcome.then((outcome) => recorded.finish(outcome)).catch(() => {})
  onTestFinished(() => run.cancel('The test is over'))
  return { ...run, recorded, job }
}

/** The outcome of a run that must not be pending. */
export async function outcomeOf(run: StartedRun): Promise<FinishedOutcome> {
  return expectFinished(await run.outcome)
}

export function expectFinished(outcome: AdapterOutcome): FinishedOutcome {
  if (outcome.pending) throw new Error('the run is pending')
  return outcome
}

interface ReceivedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly text: string
  /** The text as JSON. */
  readonly body: Record<string, unknown>
}

/** Starts an HTTP server that records the JSON requests it receives. It is closed when the test ends. */
export async function httpAgent(answer: (response: ServerResponse) => void, address = '127.0.0.1', port = 0) {
  const requests: ReceivedRequest[] = []
  let connections = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const text = Buffer.concat(chunks).toString()
      requests.push({ method, url, headers, text, body: JSON.parse(text) })
      answer(response)
    })
  })
  server.on('connection', () => connections++)
  server.listen(port, address)
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const listening = server.address() as AddressInfo
  return { requests, server, port: listening.port, url: `http://${address}:${listening.port}`, connections: () => connections }
}

/** Answers a request with a text, or with a value as JSON. */
export const answering =
  (body: unknown, status = 200) =>
  (response: ServerResponse): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body))

export const shellCommand = (script: string, ...args: string[]) => ({ command: 'sh', args: ['-c', script, 'sh', ...args] })

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-adapters-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes an executable shell script and returns its path. */
export function executable(script: string): string {
  const file = path.join(temporaryFolder(), 'program')
  // Another process writes the file. A fork of this process, from another test's thread, would inherit the open file, and the
  // system does not execute a file that is open for writing.
  execFileSync('sh', ['-c', 'cat > "$1" && chmod 755 "$1"', 'sh', file], { input: `#!/bin/sh\n${script}\n` })
  return file
}

/** Whether a process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '')
  } catch {
    return false
  }
}

/** Polls, because a process that is not our child sends no event when it ends. */
export async function waitForExit(pid: number): Promise<void> {
  const deadline = performance.now() + 10_000
  while (isAlive(pid)) {
    if (performance.now() > deadline) throw new Error(`process ${pid} is still alive`)
    await sleep(10)
  }
}

/** The numbers in the output of a command: its pids. */
export const pidsIn = (text: string): number[] => [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits))

/** Splits a list of short values at its spaces. */
export const splitWords = (text: string): string[] => text.split(' ')
