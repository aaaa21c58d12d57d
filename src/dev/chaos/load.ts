import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../testing/seededRandom.ts'
import type { SeededRandom } from '../testing/seededRandom.ts'
import type { Findings } from './properties.ts'
import type { Execution, ExecutionLog } from './executionLog.ts'
import { isAccepted } from './client.ts'
import type { ChaosClient } from './client.ts'
import type { ChaosAgent, Behavior, Setup } from './setup.ts'
import { createGenerator } from './generator.ts'
import type { Run } from './generator.ts'

/** People at the board, and how long each thinks between two requests. */
const BOARD_USERS = 6
const THINK_MS = { min: 20, max: 110 }
/** Agents that live elsewhere think longer: their runs are to last a while. */
const EXTERNAL_THINK_MS = 60
const EXTERNAL_LEASE_S = 60
/** How often the ledger is looked into for runs that have begun. */
const LOG_POLL_MS = 40
/** Of the runs that have time for it, this part acts while its command sleeps. */
const ACTING_RATE = 0.7
/** Issues that are made on the way; a company of thousands is not what is tortured here. */
const MAX_COLD_ISSUES = 120
/** Silent runs ask for the shortest lease there is, and come back this much later than it ends. */
const SILENT_LEASE_S = 30
const SILENT_EXTRA_MS = { min: 3000, max: 12_000 }

/** Everything that happens to the company while it is tortured. */
export interface Load {
  /** Asks for nothing more; resolves when the last answer is in. */
  stop(): Promise<void>
}

export interface LoadOptions {
  readonly requests: ChaosClient
  readonly setup: Setup
  readonly executionLog: ExecutionLog
  readonly seed: number
  readonly findings: Findings
}

const actingBehaviors: ReadonlySet<Behavior> = new Set(['working', 'hanging', 'deaf'])

/** Lets the board, the runs of the servers and the agents that live elsewhere loose. */
export function startLoad({ requests: { send }, setup, executionLog, seed, findings }: LoadOptions): Load {
  const { agents, cold } = setup
  const agentById = new Map(agents.map((agent) => [agent.id, agent]))
  const generator = createGenerator(setup)
  const stopping = new AbortController()
  const { signal } = stopping
  // Everybody who waits listens.
  setMaxListeners(0, signal)
  const think = (ms: number): Promise<unknown> => sleep(ms, undefined, { signal }).catch(() => {})

  const runBoardUser = async (random: SeededRandom): Promise<void> => {
    while (!signal.aborted) {
      const completed = await send(generator.boardOperation(random))
      if (completed.operation.name === 'create' && isAccepted(completed) && cold.length < MAX_COLD_ISSUES) cold.push(completed.body.id)
      await think(THINK_MS.min + random.next() * (THINK_MS.max - THINK_MS.min))
    }
  }

  /** Acts as a run whose command sleeps meanwhile. */
  const actAsRun = async ({ runId, issueId, token }: Execution, agentId: string, random: SeededRandom): Promise<void> => {
    for (let steps = 1 + Math.floor(random.next() * 3); steps > 0; steps -= 1) {
      const completed = await send(generator.runOperation({ id: runId, agentId, token, issueId }, random))
      if (completed.status === 401 || completed.operation.name === 'finish') return
    }
  }

  const pendingActions = new Set<Promise<unknown>>()
  const followExecutionLog = async (random: SeededRandom): Promise<void> => {
    while (!signal.aborted) {
      for (const executed of executionLog.read()) {
        generator.rememberRun(executed.runId)
        const agent = agentById.get(agentIdOf(executed.token))
        if (agent === undefined || !actingBehaviors.has(agent.behavior) || random.next() > ACTING_RATE) continue
        const actions = actAsRun(executed, agent.id, random).finally(() => pendingActions.delete(actions))
        pendingActions.add(actions)
      }
      await think(LOG_POLL_MS)
    }
    await Promise.all(pendingActions)
  }

  const openRun = async (agent: ChaosAgent, runFields: object): Promise<Run | null> => {
    const completed = await send(generator.openRun(agent.id, agent.key, runFields))
    if (!isAccepted(completed)) return null
    const { run, token } = completed.body
    generator.rememberRun(run.id)
    return { id: run.id, agentId: agent.id, token, issueId: run.issueId }
  }

  /** An agent that opens a run, works in it until it ends one way or the other, and opens the next. */
  const runWorker = async (agent: ChaosAgent, random: SeededRandom): Promise<void> => {
    let run: Run | null = null
    while (!signal.aborted) {
      const runFields = random.next() < 0.5 ? { issueId: generator.pickIssue(random) } : {}
      run ??= await openRun(agent, { leaseSeconds: EXTERNAL_LEASE_S, ...runFields })
      const completed = run === null ? null : await send(generator.runOperation(run, random))
      if (completed?.status === 401 || completed?.operation.name === 'finish') run = null
      await think(EXTERNAL_THINK_MS * (1 + random.next()))
    }
  }

  /** Takes an issue of the agent's own, another one when it has lost the last. */
  const checkoutOwnIssue = async (run: Run, lastIssueId: string | null): Promise<string | null> => {
    if (lastIssueId !== null && isAccepted(await send(generator.checkout(run, lastIssueId)))) return lastIssueId
    const created = await send(generator.create({ assigneeAgentId: run.agentId }))
    return isAccepted(created) && isAccepted(await send(generator.checkout(run, created.body.id))) ? created.body.id : null
  }

  /** An agent that takes an issue, is silent until long after its lease, and comes back as if nothing had happened. */
  const runSilentWorker = async (agent: ChaosAgent, random: SeededRandom): Promise<void> => {
    let issueId: string | null = null
    while (!signal.aborted) {
      const run = await openRun(agent, { leaseSeconds: SILENT_LEASE_S })
      issueId = run === null ? null : await checkoutOwnIssue(run, issueId)
      await think(issueId === null ? EXTERNAL_THINK_MS : SILENT_LEASE_S * 1000 + SILENT_EXTRA_MS.min + random.next() * SILENT_EXTRA_MS.max)
      if (signal.aborted || run === null || issueId === null) continue
      if (isAccepted(await send(generator.patch(run, issueId))))
        findings.reportViolation('live', `run ${run.id} was silent beyond its lease, and its PATCH was accepted`)
    }
  }

  /** An agent that loses its issue by decree again and again, and never believes it. */
  const runEvictedWorker = async (agent: ChaosAgent, random: SeededRandom): Promise<void> => {
    let issueId: string | null = null
    while (!signal.aborted) {
      const run = await openRun(agent, { leaseSeconds: EXTERNAL_LEASE_S })
      issueId = run === null ? null : await checkoutOwnIssue(run, issueId)
      if (run !== null && issueId !== null) await writeAfterEviction(run, issueId, random)
      await think(EXTERNAL_THINK_MS * 4)
    }
  }

  const writeAfterEviction = async (run: Run, issueId: string, random: SeededRandom): Promise<void> => {
    if (!isAccepted(await send(generator.forceRelease(issueId, random.next() < 0.5, {})))) return
    for (const operation of [generator.patch(run, issueId), generator.checkout(run, issueId)])
      if (isAccepted(await send(operation)))
        findings.reportViolation('evicted', `${operation.name} of issue ${issueId} was accepted from run ${run.id}, which had lost it`)
    await send(generator.finish(run, 'failed'))
  }

  const externalWorkers = [runSilentWorker, runEvictedWorker, runWorker, runWorker] as const
  const externalAgents = agents.filter((agent) => agent.behavior === 'external')
  const workers = [
    ...Array.from({ length: BOARD_USERS }, (_, index) => runBoardUser(seededRandom(seed + index))),
    followExecutionLog(seededRandom(seed + 100)),
    ...externalAgents.map((agent, index) =>
      (externalWorkers[index % externalWorkers.length] ?? runWorker)(agent, seededRandom(seed + 200 + index)),
    ),
  ]
  return {
    async stop() {
      stopping.abort()
      await Promise.all(workers)
    },
  }
}

/** The agent that a run's token is for; what it is signed with is the server's business. */
function agentIdOf(token: string): string {
  const [, claims = ''] = token.split('.')
  try {
    return String((JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { sub?: unknown }).sub)
  } catch {
    return ''
  }
}
