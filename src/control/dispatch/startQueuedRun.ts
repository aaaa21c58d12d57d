// Starts a queued run in one transaction, with the hold on its issue, and returns the order for its supervisor.

import { sql } from 'drizzle-orm'
import type { Ctx, Store, Tx } from '../../platform/db/types.ts'
import { companyOf, systemCtx } from '../../platform/db/context.ts'
import { lockingRead } from '../../platform/db/locks.ts'
import { changed, pipelined, mutate, unchanged } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { agents } from '../../model/agents.ts'
import type { AgentStatus } from '../../model/agentStatus.ts'
import type { AgentIsolation } from '../../model/agents.ts'
import { hasHardLimitSql } from '../../model/budgets.ts'
import { companies } from '../../model/companies.ts'
import { instanceSettings } from '../../model/instance.ts'
import { issues } from '../../model/issues.ts'
import { projects, projectWorkspaces } from '../../model/projects.ts'
import { taskSessions } from '../../model/runRecords.ts'
import { hasLease, isUnended, runs } from '../../model/runs.ts'
import { wakes } from '../../model/wakes.ts'
import { param, statement } from '../../platform/db/statement.ts'
import { lockAndLoadHoldFactsFor } from '../../engine/holds/index.ts'
import type { ActingRun, HoldFacts } from '../../engine/holds/index.ts'
import { Refusal } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { lockRunFacts } from '../../auth/runFacts.ts'
import type { RunFact } from '../../auth/runFacts.ts'
import { runStarted, startRun, SUPERVISED_LEASE_S } from '../../engine/runs/index.ts'
import { reserve } from '../../engine/budgets/index.ts'
import { giveSecrets } from '../../org/secrets/index.ts'
import type { GivenSecret } from '../../org/secrets/index.ts'
import { claimWake } from '../../engine/wakes/index.ts'
import type { CloseReason } from '../../engine/wakes/index.ts'
import { acquireHoldWithEvent } from '../checkout/index.ts'
import { deferRun, skipRun } from './setAside.ts'
import { decideStart } from './startRules.ts'
import { isStartable, maxConcurrentRuns, mayStartInError, runningCount } from './startable.ts'
import type { Candidate } from './startable.ts'

/** A started run, with everything that its supervisor needs to execute it. */
export interface StartOrder {
  readonly runId: string
  readonly agentId: string
  readonly agentName: string
  /** The status of the agent when the run started. */
  readonly agentStatus: AgentStatus
  readonly companyId: string
  /** The issue the run was queued for, whether the run holds it or not. */
  readonly issueId: string | null
  readonly adapterType: string
  /** The configuration of the agent, with the variables of the project. */
  readonly adapterConfig: unknown
  /** Whether the agent may still run without isolation. */
  readonly isolation: AgentIsolation
  readonly wakeReason: string | null
  readonly wakePayload: Readonly<Record<string, unknown>> | null
  /** Names the work that shares one session: an issue, a named task, or `agent` for everything else. */
  readonly taskKey: string
  readonly sessionIdBefore: string | null
  /** The secrets that the configuration refers to, sealed until the adapter starts. */
  readonly givenSecrets: readonly GivenSecret[]
  /** The folder of the issue's project, in which the run works; null where there is none, and the agent has its own. */
  readonly projectFolder: string | null
  /** The worktree that the project asks for, instead of its folder; null for none. */
  readonly workspace: WantedWorktree | null
}

/** The repository of a worktree, and the policy of the project as it is stored. */
export interface WantedWorktree {
  readonly projectId: string
  readonly projectWorkspaceId: string
  readonly identifier: string
  /** The folder of the repository. */
  readonly repository: string
  readonly baseRef: string | null
  readonly policy: unknown
}

export type StartResult =
  | { readonly kind: 'claimed'; readonly order: StartOrder }
  /** A queued run of the agent does not start and was closed; the next one may start. */
  | { readonly kind: 'set_aside' }
  /** The agent has no run to start now. */
  | { readonly kind: 'none' }

const NONE: StartResult = { kind: 'none' }
const SET_ASIDE: StartResult = { kind: 'set_aside' }

interface StartableAgent {
  id: string
  name: string
  status: AgentStatus
  adapterType: string
  adapterConfig: unknown
  isolation: AgentIsolation
  maxRunning: number
}

// SKIP LOCKED: a transaction that has the agent locked starts or ends its runs, and this server has other agents to serve.
const lockStartableAgent = lockingRead(
  'agent',
  statement<{ agentId: string; companyId: string; types: readonly string[] }, StartableAgent>('claim_agent').read(sql`
    select a.id, a.name, a.status, a.adapter_type as "adapterType", a.adapter_config as "adapterConfig", a.isolation, ${maxConcurrentRuns} as "maxRunning"
    from ${agents} a where a.id = ${param('agentId')} and a.company_id = ${param('companyId')} and ${isStartable}
    for no key update skip locked`),
)

interface QueuedRun {
  id: string
  issueId: string | null
  running: number
  companyActive: boolean
  reason: string | null
  payload: Record<string, unknown> | null
  taskKey: string
  sessionId: string | null
  projectFolder: string | null
  workspace: WantedWorktree | null
  projectEnv: Record<string, unknown> | null
  hasLimits: boolean
}

/** The session that an earlier run of the agent left, when the wake asks to resume that run. */
const resumedSessionId = sql`(case when w.payload ->> 'resumeFromRunId' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then (
  select p.session_id_after from ${runs} p where p.id = (w.payload ->> 'resumeFromRunId')::uuid and p.agent_id = r.agent_id) end)`

/** The run repeats one whose agent could not continue its session, so it starts a fresh one, whatever its wake names. */
const followsUnknownSession = sql`exists (
  select 1 from ${runs} p where p.id = r.retry_of_run_id and p.error_code = 'adapter_session_unknown')`

/** The workspace that the issue names, or else the primary one of its project. One without a folder leaves the agent in its own. */
const folderOfProject = sql`(select p.cwd from ${issues} i join ${projectWorkspaces} p on p.project_id = i.project_id
  where i.id = r.issue_id and (p.id = i.project_workspace_id or p.is_primary)
  order by p.id = i.project_workspace_id desc nulls last limit 1)`

/** The worktree that the issue's project asks for, while the instance allows them. */
const worktreeOfProject = sql`(select json_build_object('projectId', q.id, 'projectWorkspaceId', p.id, 'identifier', i.identifier,
    'repository', p.cwd, 'baseRef', coalesce(p.repo_ref, p.default_ref), 'policy', q.execution_workspace_policy)
  from ${issues} i join ${projects} q on q.id = i.project_id join ${projectWorkspaces} p on p.project_id = i.project_id
  where i.id = r.issue_id and q.execution_workspace_policy ->> 'enabled' = 'true' and p.cwd is not null
    and (p.id = i.project_workspace_id or p.is_primary)
    and exists (select from ${instanceSettings} s where s.name = 'experimental' and s.settings ->> 'enableIsolatedWorkspaces' = 'true')
  order by p.id = i.project_workspace_id desc nulls last limit 1)`

/** The variables of the issue's project. */
const envOfProject = sql`(select p.env from ${issues} i join ${projects} p on p.id = i.project_id where i.id = r.issue_id)`

// Sent behind the agent's lock in the same round trip, so its snapshot sees every start that was made under that lock.
const nextQueuedRun = statement<{ agentId: string; companyId: string }, QueuedRun>('claim_next').read(sql`
  select r.id, r.issue_id as "issueId", ${runningCount} as running, c.status = 'active' as "companyActive", w.reason, w.payload,
    k.task_key as "taskKey", ${folderOfProject} as "projectFolder", ${worktreeOfProject} as workspace, ${envOfProject} as "projectEnv",
    ${hasHardLimitSql(sql`r.company_id`)} as "hasLimits",
    case when coalesce(r.context_snapshot ->> 'forceFreshSession', w.payload ->> 'forceFreshSession') = 'true' or ${followsUnknownSession} then null
      else coalesce(${resumedSessionId}, s.session_id) end as "sessionId"
  from ${runs} r join ${agents} a on a.id = r.agent_id join ${companies} c on c.id = r.company_id
  left join ${wakes} w on w.id = r.wakeup_request_id
  cross join lateral (select coalesce(r.context_snapshot ->> 'taskKey', w.payload ->> 'taskKey', r.issue_id::text, 'agent') as task_key) k
  left join ${taskSessions} s on s.agent_id = r.agent_id and s.task_key = k.task_key and s.adapter_type = a.adapter_type
  where r.status = 'queued' and ${isUnended('r')} and r.agent_id = ${param('agentId')} and r.company_id = ${param('companyId')}
    and ${hasLease('r')} and ${mayStartInError}
  order by r.created_at, r.id limit 1`)

const touchAgent = statement<{ agentId: string }, { id: string }>('claim_seen').write(
  sql`update ${agents} set last_heartbeat_at = clock_timestamp() where id = ${param('agentId')} returning id`,
)

/** The queued run that is to start, with its agent and its supervisor. */
interface Start {
  /** The server that supervises the run. */
  readonly supervisorId: string
  readonly agent: StartableAgent
  readonly queued: QueuedRun
  /** The queued run, for which the rules of checkout decide. The audit names the scheduler as the actor. */
  readonly acting: ActingRun
}

/**
 * Starts the oldest queued run of one agent. In one transaction the run becomes `running` under this server's
 * supervision, its wake is claimed, and its issue is taken by the rules of checkout. When another run holds the issue,
 * the wake waits again and the run is closed. When nothing is left to do, both are closed with the reason. The
 * transaction holds the agent's row lock, which other servers skip: each run is started once, and the agent never has
 * more runs than it may.
 *
 * @param supervisorId the id of this server
 * @param types the adapter types that it may run
 */
export async function startQueuedRun(
  store: Store,
  supervisorId: string,
  types: readonly string[],
  candidate: Candidate,
): Promise<StartResult> {
  const { agentId, companyId } = candidate
  const ctx = systemCtx(store, companyId, 'scheduler')
  return await mutate(ctx, async (tx): Promise<Outcome<StartResult>> => {
    const [[agent], [queued]] = await Promise.all([
      lockStartableAgent(tx, { agentId, companyId, types }),
      tx.run(nextQueuedRun, { agentId, companyId }),
    ])
    if (agent === undefined || queued === undefined) return unchanged(NONE)
    if (!queued.companyActive || queued.running >= agent.maxRunning) return unchanged(NONE)
    const start: Start = { supervisorId, agent, queued, acting: { agentId, runId: queued.id } }
    const plan = await planStart(tx, ctx, start)
    switch (plan.kind) {
      case 'stayQueued':
        return unchanged(NONE)
      case 'ended':
        return unchanged(SET_ASIDE)
      case 'wait':
        return setAside(await deferRun(tx, { run: plan.run, issueId: queued.issueId }, plan.holderRunId))
      case 'close':
        return setAside(await skipRun(tx, { run: plan.run, issueId: queued.issueId }, plan.why))
      case 'start': {
        // It stays queued until enough is given back, the window turns, or the limit is raised.
        const refusal = queued.hasLimits ? await reserve(tx, { companyId, agentId, runId: queued.id, issueId: queued.issueId }) : null
        return refusal === null ? await applyStart(tx, ctx, start, plan.facts) : unchanged(NONE)
      }
    }
  })
}

function setAside([first, ...rest]: readonly DomainEvent[]): Outcome<StartResult> {
  return first === undefined ? unchanged(SET_ASIDE) : changed(SET_ASIDE, first, ...rest)
}

type StartPlan =
  | { readonly kind: 'stayQueued' }
  /** The run ended after it was selected and before it was locked. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'wait'; readonly run: RunFact; readonly holderRunId: string }
  | { readonly kind: 'close'; readonly run: RunFact; readonly why: CloseReason }
  /** `facts` are those of the issue that the run takes; null when it takes none. */
  | { readonly kind: 'start'; readonly facts: HoldFacts | null }

/** (tx) Locks the issue of the queued run and the run itself, and decides. */
async function planStart(tx: Tx, ctx: Ctx, { queued, acting }: Start): Promise<StartPlan> {
  const facts = queued.issueId === null ? null : await factsIfIssueExists(tx, ctx, queued.issueId, acting)
  const run = stillQueued(facts === null ? (await lockRunFacts(tx, companyOf(ctx), [queued.id]))[0] : facts.acting)
  if (run === null) return { kind: 'ended' }
  if (queued.issueId === null) return { kind: 'start', facts: null }
  if (facts === null) return { kind: 'close', run, why: 'issue_missing' }
  const decision = decideStart(facts, acting.agentId, queued.reason)
  switch (decision.kind) {
    case 'take':
      return { kind: 'start', facts }
    case 'withoutHold':
      return { kind: 'start', facts: null }
    case 'stayQueued':
      return decision
    case 'wait':
    case 'close':
      return { ...decision, run }
  }
}

const stillQueued = (run: RunFact | null | undefined): RunFact | null => (run?.status === 'queued' && run.live ? run : null)

async function factsIfIssueExists(tx: Tx, ctx: Ctx, issueId: string, acting: ActingRun): Promise<HoldFacts | null> {
  try {
    return await lockAndLoadHoldFactsFor(tx, ctx, issueId, acting)
  } catch (error) {
    if (error instanceof Refusal && error.code === 'not_found') return null
    throw error
  }
}

/** Adapters that send a request have no environment. */
const hasEnvironment = (adapterType: string): boolean => adapterType !== 'http' && adapterType !== 'openclaw_gateway'

/** The configuration of a run: of a name in both, the variable of the project goes before that of the agent, which works on other projects, too. */
function configOf({ adapterType, adapterConfig }: StartableAgent, projectEnv: QueuedRun['projectEnv']): unknown {
  if (projectEnv === null || Object.keys(projectEnv).length === 0 || !hasEnvironment(adapterType)) return adapterConfig
  const config = (adapterConfig ?? {}) as Readonly<Record<string, unknown>>
  return { ...config, env: { ...(config['env'] as object | null | undefined), ...projectEnv } }
}

async function applyStart(tx: Tx, ctx: Ctx, start: Start, facts: HoldFacts | null): Promise<Outcome<StartResult>> {
  const { supervisorId, agent, queued, acting } = start
  const { agentId, runId } = acting
  const adapterConfig = configOf(agent, queued.projectEnv)
  const { given: givenSecrets, events: reads } = await giveSecrets(tx, {
    ...acting,
    companyId: companyOf(ctx),
    issueId: queued.issueId,
    config: adapterConfig,
  })
  const events: DomainEvent[] = [...reads]
  const writes: Promise<unknown>[] = []
  if (facts !== null) {
    const { issue, event } = acquireHoldWithEvent(tx, facts, acting)
    writes.push(issue)
    events.push(event)
  }
  writes.push(pipelined(startRun(tx, { id: runId, supervisorId, sessionIdBefore: queued.sessionId })))
  writes.push(pipelined(claimWake(tx, runId)), pipelined(tx.run(touchAgent, { agentId })))
  const order: StartOrder = {
    runId,
    agentId,
    agentName: agent.name,
    agentStatus: agent.status,
    companyId: companyOf(ctx),
    issueId: queued.issueId,
    adapterType: agent.adapterType,
    adapterConfig,
    givenSecrets,
    isolation: agent.isolation,
    wakeReason: queued.reason,
    wakePayload: queued.payload,
    taskKey: queued.taskKey,
    sessionIdBefore: queued.sessionId,
    projectFolder: queued.projectFolder,
    workspace: queued.workspace,
  }
  const details = { agentId, issueId: queued.issueId, externalRunId: null, leaseSeconds: SUPERVISED_LEASE_S }
  const claimed = pipelined(Promise.all(writes).then((): StartResult => ({ kind: 'claimed', order })))
  return changed(claimed, runStarted(runId, details, { agentId, runId }), ...events)
}
