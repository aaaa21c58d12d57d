import { seededRandom } from '../testing/seededRandom.ts'
import type { SeededRandom } from '../testing/seededRandom.ts'
import { isAccepted } from './client.ts'
import type { Run } from './generator.ts'
import type { LoadContext } from './loadContext.ts'
import { spend } from './spending.ts'
import type { ChaosAgent } from './setup.ts'

/** External agents wait longer between requests than board users do, so that their runs last a while. */
const EXTERNAL_THINK_MS = 60
const EXTERNAL_LEASE_S = 60
/** Silent runs request the shortest possible lease and send the next request this long after it has expired. */
const SILENT_LEASE_S = 30
const SILENT_EXTRA_MS = { min: 3000, max: 12_000 }

type ExternalWorker = (context: LoadContext, agent: ChaosAgent, random: SeededRandom) => Promise<void>

/** Starts one worker per external agent: a quarter silent, a quarter evicted, the others ordinary. */
export function startExternalAgents(context: LoadContext, seed: number): Promise<void>[] {
  const workers: readonly ExternalWorker[] = [runSilentWorker, runEvictedWorker, runWorker, runWorker]
  return context.setup.agents
    .filter((agent) => agent.behavior === 'external')
    .map((agent, index) => (workers[index % workers.length] ?? runWorker)(context, agent, seededRandom(seed + index)))
}

async function openRun({ send, generator }: LoadContext, agent: ChaosAgent, runFields: object): Promise<Run | null> {
  const completed = await send(generator.openRun(agent.id, agent.key, runFields))
  if (!isAccepted(completed)) return null
  const { run, token } = completed.body
  generator.rememberRun(run.id)
  return { id: run.id, agentId: agent.id, token, issueId: run.issueId }
}

/** Opens a run, sends operations until the run ends, and opens the next run. */
async function runWorker(context: LoadContext, agent: ChaosAgent, random: SeededRandom): Promise<void> {
  const { send, generator, signal, think } = context
  let run: Run | null = null
  while (!signal.aborted) {
    const runFields = random.next() < 0.5 ? { issueId: generator.pickIssue(random) } : {}
    run ??= await openRun(context, agent, { leaseSeconds: EXTERNAL_LEASE_S, ...runFields })
    if (run !== null) await spend(context, run, random)
    const completed = run === null ? null : await send(generator.runOperation(run, random))
    if (completed?.status === 401 || completed?.operation.name === 'finish') run = null
    await think(EXTERNAL_THINK_MS * (1 + random.next()))
  }
}

/** Takes the agent's last issue again, or creates and takes a new issue when the last one is lost. */
async function checkoutOwnIssue({ send, generator }: LoadContext, run: Run, lastIssueId: string | null): Promise<string | null> {
  if (lastIssueId !== null && isAccepted(await send(generator.checkout(run, lastIssueId)))) return lastIssueId
  const created = await send(generator.create({ assigneeAgentId: run.agentId }))
  return isAccepted(created) && isAccepted(await send(generator.checkout(run, created.body.id))) ? created.body.id : null
}

/** Takes an issue, sends nothing until long after the lease has expired, and then writes to the issue. */
async function runSilentWorker(context: LoadContext, agent: ChaosAgent, random: SeededRandom): Promise<void> {
  const { send, generator, findings, signal, think } = context
  let issueId: string | null = null
  while (!signal.aborted) {
    const run = await openRun(context, agent, { leaseSeconds: SILENT_LEASE_S })
    issueId = run === null ? null : await checkoutOwnIssue(context, run, issueId)
    await think(issueId === null ? EXTERNAL_THINK_MS : SILENT_LEASE_S * 1000 + SILENT_EXTRA_MS.min + random.next() * SILENT_EXTRA_MS.max)
    if (signal.aborted || run === null || issueId === null) continue
    if (isAccepted(await send(generator.patch(run, issueId))))
      findings.reportViolation('live', `run ${run.id} was silent beyond its lease, and its PATCH was accepted`)
  }
}

/** Takes an issue, is evicted from it, and writes to it again, in a loop. */
async function runEvictedWorker(context: LoadContext, agent: ChaosAgent, random: SeededRandom): Promise<void> {
  const { signal, think } = context
  let issueId: string | null = null
  while (!signal.aborted) {
    const run = await openRun(context, agent, { leaseSeconds: EXTERNAL_LEASE_S })
    issueId = run === null ? null : await checkoutOwnIssue(context, run, issueId)
    if (run !== null && issueId !== null) await writeAfterEviction(context, run, issueId, random)
    await think(EXTERNAL_THINK_MS * 4)
  }
}

async function writeAfterEviction(context: LoadContext, run: Run, issueId: string, random: SeededRandom): Promise<void> {
  const { send, generator, findings } = context
  if (!isAccepted(await send(generator.forceRelease(issueId, random.next() < 0.5, {})))) return
  for (const operation of [generator.patch(run, issueId), generator.checkout(run, issueId)])
    if (isAccepted(await send(operation)))
      findings.reportViolation(
        'evicted',
        `${operation.name} of issue ${issueId} was accepted from run ${run.id}, which was evicted from it`,
      )
  await send(generator.finish(run, 'failed'))
}
