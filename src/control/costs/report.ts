// An agent or the board reports what was spent.

import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { requireActingRun } from '../../auth/runFacts.ts'
import { awaitCostWriters } from '../../engine/budgets/index.ts'
import { issueOfRun, joinCosts, USAGE_PREFIX, writeCosts } from '../../engine/costs/index.ts'
import type { CostInput, CostRow, JoinedCosts, RecordedCosts } from '../../engine/costs/index.ts'
import { agents } from '../../model/agents.ts'
import { costEvents } from '../../model/costs.ts'
import { issues } from '../../model/issues.ts'
import { billingTypes, centsOf, MAX_EVENT_CENTS, MICROCENTS } from '../../model/money.ts'
import { goals, projects } from '../../model/projects.ts'
import { runs } from '../../model/runs.ts'
import { companyOf } from '../../platform/db/context.ts'
import { changedIfAny, mutate, pipelined } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { actingRunIdOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import { sentInstant } from '../../platform/kernel/time.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import type { costEventView } from './views.ts'

const id = z.uuid().transform((value) => value.toLowerCase())
const name = z.string().trim().min(1).max(200)
const MAX_TOKENS = 1_000_000_000_000
const tokens = z.int().min(0).max(MAX_TOKENS).default(0)

export const costEventBody = z
  .object({
    agentId: id,
    provider: name,
    model: name,
    /** Or `costMicrocents`, for what is less than a cent. Negative in a correction only. */
    costCents: z.int().min(-MAX_EVENT_CENTS).max(MAX_EVENT_CENTS).optional(),
    costMicrocents: z
      .int()
      .min(-MAX_EVENT_CENTS * MICROCENTS)
      .max(MAX_EVENT_CENTS * MICROCENTS)
      .optional(),
    occurredAt: sentInstant,
    issueId: id.nullish(),
    projectId: id.nullish(),
    goalId: id.nullish(),
    heartbeatRunId: id.nullish(),
    billingCode: z.string().trim().max(200).nullish(),
    biller: name.nullish(),
    billingType: z.enum(billingTypes).default('unknown'),
    inputTokens: tokens,
    cachedInputTokens: tokens,
    outputTokens: tokens,
    // An agent that used the name of the usage of its run would keep the server from counting it.
    externalId: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .refine((text) => !text.startsWith(USAGE_PREFIX), { error: `Names that begin with ${USAGE_PREFIX} are those of the server` })
      .nullish(),
    correctsId: id.nullish(),
  })
  .refine(({ costCents, costMicrocents }) => (costCents === undefined) !== (costMicrocents === undefined), {
    path: ['costCents'],
    error: 'Either costCents or costMicrocents is required',
  })
  .refine(({ costCents = 0, costMicrocents = 0, correctsId }) => costCents + costMicrocents >= 0 || typeof correctsId === 'string', {
    path: ['costCents'],
    error: 'Only a correction is negative: name the event that it corrects as correctsId',
  })
export type ReportedCost = z.output<typeof costEventBody>

interface References {
  readonly companyId: string
  readonly agentId: string
  readonly issueId: string | null
  readonly projectId: string | null
  readonly goalId: string | null
  readonly runId: string | null
  readonly occurredAt: Instant
}

interface Facts {
  readonly agent: boolean
  readonly issue: boolean
  readonly project: boolean
  readonly goal: boolean
  /** The run exists and is one of the agent. */
  readonly run: boolean
  /** The time of the event lies between the start of the run and now or its end, give or take a minute, and in no month that has been over for an hour. */
  readonly isInRun: boolean
  /** The time of the event lies within the last hour, give or take a minute. */
  readonly isRecent: boolean
  /** The project of what the run works on: the issue that it holds, or else the one that it was opened for. */
  readonly projectOfRun: string | null
  readonly issueOfRun: string | null
  /** The project of the issue that the report names. */
  readonly projectOfIssue: string | null
  /** The time of the event as it is stored. */
  readonly storedAt: Instant
}

const inCompany = sql`company_id = ${param('companyId', 'uuid')}`
const at = param('occurredAt', 'timestamptz')
const runId = param('runId', 'uuid')
const recently = sql`clock_timestamp() - interval '61 minutes'`
const selectFacts = statement<References, Facts>('cost_references').read(sql`
  select exists (select 1 from ${agents} where id = ${param('agentId', 'uuid')} and ${inCompany}) as agent,
    exists (select 1 from ${issues} where id = ${param('issueId', 'uuid')} and ${inCompany}) as issue,
    exists (select 1 from ${projects} where id = ${param('projectId', 'uuid')} and ${inCompany}) as project,
    exists (select 1 from ${goals} where id = ${param('goalId', 'uuid')} and ${inCompany}) as goal,
    exists (select 1 from ${runs} where id = ${runId} and ${inCompany} and agent_id = ${param('agentId', 'uuid')}) as run,
    exists (select 1 from ${runs} where id = ${runId} and ${at} between coalesce(started_at, created_at) - interval '1 minute'
      and coalesce(finished_at, clock_timestamp()) + interval '1 minute')
      and (${at} >= ${recently} or ${at} >= date_trunc('month', now() at time zone 'UTC') at time zone 'UTC') as "isInRun",
    ${at} between ${recently} and clock_timestamp() + interval '1 minute' as "isRecent",
    work.project_id as "projectOfRun", work.id as "issueOfRun",
    (select i.project_id from ${issues} i where i.id = ${param('issueId', 'uuid')} and i.${inCompany}) as "projectOfIssue",
    ${at}::timestamptz(3) as "storedAt"
  from (select 1) one left join lateral (
    select i.id, i.project_id from ${runs} r cross join lateral ${issueOfRun} i where r.id = ${runId} and r.${inCompany}) work on true`)

function requireReferences(facts: Facts, { issueId, projectId, goalId, runId: run }: References): void {
  if (!facts.agent) refuse('not_found', { message: 'Agent not found' })
  if (issueId !== null && !facts.issue) refuse('unknown_reference', { message: 'Issue not found' })
  if (projectId !== null && !facts.project) refuse('unknown_reference', { message: 'Project not found' })
  if (goalId !== null && !facts.goal) refuse('unknown_reference', { message: 'Goal not found' })
  if (run !== null && !facts.run) refuse('unknown_reference', { message: 'The agent has no such run' })
}

/** @throws Refusal `unprocessable` for a time outside of the run, which would be the spending of another window */
function requireTimeOfRun(facts: Facts, run: string | null): void {
  if (run === null ? facts.isRecent : facts.isInRun) return
  refuse('unprocessable', {
    message:
      run === null
        ? 'An agent without a run reports what it spent within the last hour'
        : 'An agent reports what it spent between the start of its run and now, and what it spent in another month within an hour of its end',
  })
}

function inputOf(body: ReportedCost, references: References): CostInput {
  const { provider, model, billingType, inputTokens, cachedInputTokens, outputTokens } = body
  return {
    ...references,
    billingCode: body.billingCode ?? null,
    provider,
    biller: body.biller ?? provider,
    billingType,
    model,
    inputTokens,
    cachedInputTokens,
    outputTokens,
    microcents: body.costMicrocents ?? (body.costCents ?? 0) * MICROCENTS,
    isPriced: true,
    source: 'reported',
    externalId: body.externalId ?? null,
    correctsId: null,
  }
}

type Corrected = CostRow & { readonly left: number }

const selectCorrected = statement<{ companyId: string; id: string }, Corrected>('cost_corrected').read(sql`
  select e.agent_id as "agentId", e.heartbeat_run_id as "heartbeatRunId", e.issue_id as "issueId", e.project_id as "projectId", e.goal_id as "goalId",
    e.billing_code as "billingCode", e.provider, e.biller, e.billing_type as "billingType", e.model, e.occurred_at as "occurredAt",
    e.corrects_id as "correctsId", e.microcents + coalesce((select sum(c.microcents) from ${costEvents} c where c.company_id = e.company_id
      and c.occurred_at = e.occurred_at and c.corrects_id = e.id), 0)::bigint as "left"
  from ${costEvents} e where e.id = ${param('id', 'uuid')} and e.company_id = ${param('companyId', 'uuid')}`)

/**
 * The correction of an event is of the same agent, run, project, model and time, so it is counted where the event was; the request gives the amount.
 * @throws Refusal `unprocessable` for more than the event
 */
function correctionOf(companyId: string, body: ReportedCost, corrected: Corrected): CostInput {
  if (corrected.correctsId !== null) refuse('unprocessable', { message: 'A correction is not corrected; correct the event' })
  const references = { ...corrected, companyId, runId: corrected.heartbeatRunId }
  const input = {
    ...inputOf({ ...body, ...corrected }, references),
    correctsId: body.correctsId ?? null,
    provider: corrected.provider,
    biller: corrected.biller,
  }
  if (corrected.left + input.microcents < 0)
    refuse('unprocessable', { message: 'The correction would make the cost of the event negative' })
  return { ...input, model: corrected.model, billingType: corrected.billingType, billingCode: corrected.billingCode }
}

/**
 * An event that is recorded under a name is another one where it corrects another event, or none. To answer with it would lose what is reported now, and an agent could
 * keep the corrections of its events out by taking their names.
 * @throws Refusal `unprocessable`
 */
function requireSameEvent({ known }: JoinedCosts, correctsId: string | null): void {
  if (known.some((event) => event.correctsId !== correctsId))
    refuse('unprocessable', { message: 'The agent has another event with this externalId: a correction needs a name of its own' })
}

/** (tx) Records a correction. @throws Refusal `unknown_reference`; those of `correctionOf` and `requireSameEvent` */
async function recordCorrection(tx: Tx, companyId: string, body: ReportedCost, correctsId: string): Promise<RecordedCosts> {
  // Two corrections at once would each see what is left of the event.
  await awaitCostWriters(tx, companyId)
  const [corrected] = await tx.run(selectCorrected, { companyId, id: correctsId })
  if (corrected === undefined) return refuse('unknown_reference', { message: 'The event to correct was not found' })
  const { agentId } = corrected
  const joined = await joinCosts(tx, companyId, agentId, [{ agentId, externalId: body.externalId ?? null }])
  requireSameEvent(joined, correctsId)
  // One that is sent again would be compared with what it has left of the event itself.
  return await writeCosts(tx, companyId, joined.known.length > 0 ? [] : [correctionOf(companyId, body, corrected)], joined)
}

/** @throws Refusal `forbidden`, `field_not_permitted`, `run_id_mismatch` */
function requireOwn({ actor }: Ctx, body: ReportedCost): void {
  if (actor.kind !== 'agent') return
  if (body.agentId !== actor.agentId) refuse('forbidden', { message: 'An agent reports its own costs' })
  if (typeof body.correctsId === 'string') refuse('field_not_permitted', { details: { fields: ['correctsId'] } })
  const named = body.heartbeatRunId ?? null
  if (actor.runId !== null && named !== null && named !== actor.runId) refuse('run_id_mismatch')
}

async function inputFor(tx: Tx, ctx: Ctx, body: ReportedCost): Promise<CostInput> {
  const { actor } = ctx
  const { agentId, occurredAt, issueId = null, projectId = null, goalId = null } = body
  const run = actingRunIdOf(actor) ?? body.heartbeatRunId ?? null
  const references = { companyId: companyOf(ctx), agentId, issueId, projectId, goalId, runId: run, occurredAt }
  const facts = exactlyOne(await tx.run(selectFacts, references))
  requireReferences(facts, references)
  // The word of an agent about its project does not count: it would choose the limit that it spends.
  if (actor.kind === 'agent') requireTimeOfRun(facts, run)
  const project = actor.kind === 'agent' ? facts.projectOfRun : (projectId ?? facts.projectOfIssue ?? facts.projectOfRun)
  return inputOf(body, { ...references, issueId: issueId ?? facts.issueOfRun, projectId: project, occurredAt: facts.storedAt })
}

const present = ({ microcents, ...row }: CostRow): z.input<typeof costEventView> => ({
  ...row,
  costCents: centsOf(microcents),
  costMicrocents: microcents,
})

async function record(tx: Tx, ctx: Ctx, body: ReportedCost): Promise<RecordedCosts> {
  const { correctsId, externalId = null } = body
  const companyId = companyOf(ctx)
  const verified = requireActingRun(tx, ctx)
  if (typeof correctsId === 'string') {
    await verified
    requireOwn(ctx, body)
    return await recordCorrection(tx, companyId, body, correctsId)
  }
  // All facts are read behind the lock of the run, in one round trip.
  const preparing = pipelined(inputFor(tx, ctx, body))
  const agentId = ctx.actor.kind === 'agent' ? ctx.actor.agentId : body.agentId
  const joining = pipelined(joinCosts(tx, companyId, agentId, [{ agentId, externalId }]))
  await verified
  requireOwn(ctx, body)
  const joined = await joining
  requireSameEvent(joined, null)
  // An event that is sent again is answered as it is, although what it names may be gone, or its time too long ago, by now.
  return await writeCosts(tx, companyId, joined.known.length > 0 ? [] : [await preparing], joined)
}

/**
 * Records what was spent: an agent what it spent itself in its run, the board anything. The limits above it are charged in the same transaction (I11).
 * An event that the agent has reported before by the same `externalId` is returned as it is.
 * @throws Refusal `forbidden` for an agent that reports for another; `field_not_permitted`; `not_found` for the agent; `unknown_reference`; `unprocessable`
 *   for a time outside of the run and for the name of another event; those of `requireActingRun`
 */
export async function reportCost(ctx: Ctx, body: ReportedCost): Promise<z.input<typeof costEventView>> {
  return await mutate(ctx, async (tx) => {
    const { recorded, known, events } = await record(tx, ctx, body)
    const [repeated] = known
    return changedIfAny(repeated === undefined ? recorded.then((rows) => present(exactlyOne(rows))) : present(repeated), events)
  })
}
