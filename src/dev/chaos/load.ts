import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../testing/seededRandom.ts'
import type { SeededRandom } from '../testing/seededRandom.ts'
import type { Findings } from './properties.ts'
import type { Execution, ExecutionLog } from './executionLog.ts'
import { isAccepted } from './client.ts'
import type { ChaosClient } from './client.ts'
import type { Behavior, Setup } from './setup.ts'
import { createGenerator } from './generator.ts'
import type { LoadContext } from './loadContext.ts'
import { startExternalAgents } from './externalAgents.ts'
import { runTreasurer, spend } from './spending.ts'

/** Number of board users, and how long each waits between two requests. */
const BOARD_USERS = 6
const THINK_MS = { min: 20, max: 110 }
/** How often the load reads the execution log for new runs. */
const LOG_POLL_MS = 40
/** Share of the sleeping runs for which the load sends requests. */
const ACTING_RATE = 0.7
/** Limit of cold issues. The chaos test does not cover a company with thousands of issues. */
const MAX_COLD_ISSUES = 120

/** The running load: board users, runs of the servers, and external agents. */
export interface Load {
  /** Starts no more operations. Resolves when the last one is answered. */
  stop(): Promise<void>
}

export interface LoadOptions {
  readonly client: ChaosClient
  readonly setups: readonly Setup[]
  readonly executionLog: ExecutionLog
  readonly seed: number
  readonly findings: Findings
}

const actingBehaviors: ReadonlySet<Behavior> = new Set(['working', 'hanging', 'deaf'])

/** Starts the load. It runs until the caller stops it. */
export function startLoad({ client, setups, executionLog, seed, findings }: LoadOptions): Load {
  const stopping = new AbortController()
  const { signal } = stopping
  // Every waiting worker adds a listener.
  setMaxListeners(0, signal)
  const contexts = setups.map((setup): LoadContext => ({
    send: client.send,
    setup,
    generator: createGenerator(setup),
    findings,
    signal,
    think: (ms) => sleep(ms, undefined, { signal }).catch(() => {}),
  }))
  const workers = contexts.flatMap((context, company) => [
    ...Array.from({ length: BOARD_USERS / contexts.length }, (_, index) =>
      runBoardUser(context, seededRandom(seed + 10 * company + index)),
    ),
    ...startExternalAgents(context, seed + 200 + 50 * company),
    ...(context.setup.hasBudgets ? [runTreasurer(context, seededRandom(seed + 400))] : []),
  ])
  workers.push(followExecutionLog(contexts, executionLog, seededRandom(seed + 100)))
  return {
    async stop() {
      stopping.abort()
      await Promise.all(workers)
    },
  }
}

async function runBoardUser({ send, setup: { cold }, generator, signal, think }: LoadContext, random: SeededRandom): Promise<void> {
  while (!signal.aborted) {
    const completed = await send(generator.boardOperation(random))
    if (completed.operation.name === 'create' && isAccepted(completed) && cold.length < MAX_COLD_ISSUES) cold.push(completed.body.id)
    await think(THINK_MS.min + random.next() * (THINK_MS.max - THINK_MS.min))
  }
}

/** Reads the execution log and sends requests for runs whose command sleeps. */
async function followExecutionLog(contexts: readonly LoadContext[], executionLog: ExecutionLog, random: SeededRandom): Promise<void> {
  const [first] = contexts
  if (first === undefined) return
  const { signal, think } = first
  const agentById = new Map(contexts.flatMap((context) => context.setup.agents.map((agent) => [agent.id, { agent, context }])))
  const pendingActions = new Set<Promise<unknown>>()
  while (!signal.aborted) {
    for (const execution of executionLog.read()) {
      const found = agentById.get(agentIdOf(execution.token))
      if (found === undefined) continue
      const { agent, context } = found
      context.generator.rememberRun(execution.runId)
      if (!actingBehaviors.has(agent.behavior) || random.next() > ACTING_RATE) continue
      const actions = actAsRun(context, execution, agent.id, random).finally(() => pendingActions.delete(actions))
      pendingActions.add(actions)
    }
    await think(LOG_POLL_MS)
  }
  await Promise.all(pendingActions)
}

/** Sends up to three operations of a run while its command sleeps. */
async function actAsRun(context: LoadContext, execution: Execution, agentId: string, random: SeededRandom): Promise<void> {
  const { send, generator } = context
  const { runId, issueId, token } = execution
  const run = { id: runId, agentId, token, issueId }
  for (let steps = 1 + Math.floor(random.next() * 3); steps > 0; steps -= 1) {
    await spend(context, run, random)
    const completed = await send(generator.runOperation(run, random))
    if (completed.status === 401 || completed.operation.name === 'finish') return
  }
}

/** Reads the agent's id from a run's token without a check of the signature; the servers check it. */
function agentIdOf(token: string): string {
  const [, claims = ''] = token.split('.')
  try {
    return String((JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { sub?: unknown }).sub)
  } catch {
    return ''
  }
}
