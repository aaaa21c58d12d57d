import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { recordCosts, USAGE_PREFIX } from '../engine/costs/index.ts'
import type { CostInput } from '../engine/costs/index.ts'
import { costEvents, runCosts } from '../model/costs.ts'
import { billingTypes, MAX_EVENT_CENTS, microcentsOf } from '../model/money.ts'
import { runs } from '../model/runs.ts'
import { param, statement } from '../platform/db/statement.ts'
import { count, createdColumn, id, idColumn, line, needed, orElse, reference, time } from './columns.ts'
import type { SourceTable } from './columns.ts'
import type { Move, Noun } from './move.ts'
import { found, moveTable } from './moveTable.ts'
import type { Movement } from './moveTable.ts'

const MAX_NAME = 200

export const costTable = {
  name: 'cost_events',
  columns: {
    id: idColumn,
    agentId: needed('uuid', 'agent_id', id),
    issueId: reference('issue_id'),
    projectId: reference('project_id'),
    goalId: reference('goal_id'),
    runId: reference('heartbeat_run_id'),
    billingCode: orElse('text', 'billing_code', z.string().max(MAX_NAME).nullable(), null),
    provider: needed('text', 'provider', line(MAX_NAME)),
    biller: orElse('text', 'biller', line(MAX_NAME), 'unknown'),
    billingType: orElse('text', 'billing_type', z.enum(billingTypes), 'unknown'),
    model: needed('text', 'model', line(MAX_NAME)),
    inputTokens: orElse('int', 'input_tokens', count, 0),
    cachedInputTokens: orElse('int', 'cached_input_tokens', count, 0),
    outputTokens: orElse('int', 'output_tokens', count, 0),
    costCents: needed('int', 'cost_cents', z.int().min(0).max(MAX_EVENT_CENTS)),
    occurredAt: needed('time', 'occurred_at', time),
    createdAt: createdColumn,
  },
} as const satisfies SourceTable

/** A cost event with its id in the source. Here it gets an id of its own, and the name that makes it the same event in the next move. */
interface CostRow extends CostInput {
  readonly id: string
}

// No request may name an event so.
const PREFIX = `${USAGE_PREFIX}moved:`

const selectKnown = statement<{ companyId: string; agentIds: string[]; names: string[] }, { name: string }>('moveover_known_costs')
  .read(sql`
  select external_id as name from ${costEvents} join unnest(${param('agentIds', 'uuid[]')}, ${param('names', 'text[]')}) w (a, n)
    on agent_id = w.a and external_id = w.n
  where company_id = ${param('companyId', 'uuid')}`)

const selectForeignRuns = statement<{ companyId: string; runIds: string[] }, { id: string }>('moveover_foreign_runs').read(sql`
  select id from ${runs} where id = any(${param('runIds', 'uuid[]')}) and company_id <> ${param('companyId', 'uuid')}
  union select run_id from ${runCosts} where run_id = any(${param('runIds', 'uuid[]')}) and company_id <> ${param('companyId', 'uuid')}`)

/** Leaves out runs of other companies: the costs of a run are added up by its id alone. */
async function withoutForeignRuns(costs: readonly CostRow[], { store, companyId, tally }: Move): Promise<readonly CostRow[]> {
  const runIds = [...new Set(costs.flatMap(({ runId }) => runId ?? []))]
  const foreign = new Set((await store.read.run(selectForeignRuns, { companyId, runIds })).map((run) => run.id))
  return costs.map((cost) => {
    if (cost.runId === null || !foreign.has(cost.runId)) return cost
    tally.note(costTable.name, 'its run is left out: another company here has a run with this id', cost.id)
    return { ...cost, runId: null }
  })
}

const costNoun: Noun<CostRow> = {
  name: 'cost_events',
  // Each event is charged to the limits above it.
  batchRows: 100,
  async knownByRow(db, rows, { companyId }) {
    const names = rows.map(({ externalId }) => externalId ?? '')
    const here = await db.run(selectKnown, { companyId, agentIds: rows.map(({ agentId }) => agentId), names })
    return here.map(({ name }) => ({ id: name.slice(PREFIX.length), isOwn: true }))
  },
  // The limits above the events of one transaction are locked in one order, so all of them are above each event of it.
  batchOf: ({ agentId, projectId }) => `${agentId} ${projectId ?? ''}`,
  async write(tx, rows, { companyId }) {
    const inputs = rows.map(({ id: _, ...input }): CostInput => input)
    return (await recordCosts(tx, companyId, inputs)).events
  },
}

const movement: Movement<(typeof costTable)['columns'], CostRow> = {
  table: costTable,
  noun: costNoun,
  complete: withoutForeignRuns,
  shape({ costCents, createdAt: _, ...row }, note, { present }) {
    if (found(present.agents, row.agentId, 'the cost', note) === null) return null
    return {
      ...row,
      issueId: found(present.issues, row.issueId, 'its issue', note),
      projectId: found(present.projects, row.projectId, 'its project', note),
      goalId: found(present.goals, row.goalId, 'its goal', note),
      microcents: microcentsOf(costCents),
      isPriced: true,
      source: 'reported',
      externalId: `${PREFIX}${row.id}`,
      correctsId: null,
    }
  },
}

/** Brings what agents spent, through the one writer of costs: the sums and the windows of budgets count it. */
export const moveCosts = async (move: Move): Promise<void> => await moveTable(move, movement)
