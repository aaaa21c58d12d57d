import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { createAdapters } from '../../adapters/index.ts'
import type { Worktrees } from '../../adapters/index.ts'
import type { AdapterType } from '../../model/adapterTypes.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { createRunner } from '../../scheduler/runner.ts'
import type { Runner } from '../../scheduler/runner.ts'
import { startPeriodicTasks } from '../../scheduler/periodicTasks.ts'
import { workFolder } from './workFolder.ts'
import type { TestServer, TestAgent, World } from './world.ts'

interface TestRunnerOptions {
  readonly maxRuns?: number
  readonly types?: readonly AdapterType[] | null
  /** Looks after leases this often, instead of every ten seconds. */
  readonly renewEveryMs?: number
  /** Worktrees of git; none unless given. */
  readonly worktrees?: Worktrees
}

/** Gives a server of a test hands of its own, until the test is over or they are stopped. */
export function useRunner(server: TestServer, { maxRuns = 16, types = null, renewEveryMs, worktrees }: TestRunnerOptions = {}): Runner {
  const log = createLog(process.env['TEST_LOG_LEVEL'] ?? 'silent', false)
  const adapters = createAdapters({
    environment: process.env,
    workFolder,
    allowedTypes: types,
    allowedAddresses: ['127.0.0.1'],
  })
  const { store, tokens, url } = server
  const runner = createRunner({
    store,
    tokens,
    adapters,
    worktrees: worktrees ?? null,
    maxRuns,
    apiUrl: url,
    observer: server.feed,
    log,
    ...(renewEveryMs === undefined ? {} : { renewIntervalMs: renewEveryMs }),
  })
  const loop = startPeriodicTasks(runner.periodicTasks, log)
  const stop = async (): Promise<void> => {
    const loopStopped = loop.stop()
    await runner.stop()
    await loopStopped
  }
  onTestFinished(stop)
  return { ...runner, stop }
}

/** An agent that is a program of a few lines of JavaScript. */
export const createProcessAgent = (
  world: Pick<World, 'agent'>,
  script: string,
  fields: { maxConcurrentRuns?: number; graceSec?: number; env?: Record<string, string>; timeoutSec?: number } = {},
): Promise<TestAgent> => {
  const { maxConcurrentRuns, ...rest } = fields
  return world.agent({
    adapterType: 'process',
    adapterConfig: { command: process.execPath, args: ['-e', script], graceSec: 2, ...rest },
    ...(maxConcurrentRuns === undefined ? {} : { runtimeConfig: { heartbeat: { maxConcurrentRuns } } }),
  })
}

/** Queues runs of an agent that are about nothing; they are found by the next look at the queue. */
export async function insertQueuedRuns(server: TestServer, companyId: string, agentId: string, count: number): Promise<string[]> {
  const { rows } = await server.database.sql.query<{ id: string }>(
    `insert into heartbeat_runs (company_id, agent_id, status, created_at, lease_seconds, lease_expires_at)
     select $1, $2, 'queued', clock_timestamp() - ($3 - n) * interval '1 ms', 86400, now() + interval '1 day'
     from generate_series(1, $3::int) n returning id`,
    [companyId, agentId, count],
  )
  return rows.map((row) => row.id)
}

/** A file that programs write lines into, and their lines. */
export function createOutputFile(): {
  readonly file: string
  readonly lines: () => string[]
  /** Writes a program of JavaScript that can be started by its path. */
  readonly program: (script: string) => string
} {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-notes-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'notes')
  return {
    file,
    lines() {
      try {
        return readFileSync(file, 'utf8').split('\n').filter(Boolean)
      } catch {
        return []
      }
    },
    program(script) {
      const program = path.join(folder, 'program')
      writeFileSync(program, `#!${process.execPath}\n${script}\n`, { mode: 0o755 })
      return program
    },
  }
}
