// Routines of a package, with their triggers.

import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { routines, routineTriggers } from '../../model/routines.ts'
import { cronProblem } from '../../platform/cron/index.ts'
import { companyOf } from '../../platform/db/context.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { authorOf } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { DomainEvent } from '../../platform/kernel/event.ts'
import { exactlyOne } from '../../platform/kernel/exactlyOne.ts'
import type { Instant } from '../../platform/kernel/time.ts'
import { routineCreated, triggerCreated } from './events.ts'
import { MAX_KEPT_ROUTINES, MAX_ROUTINES } from './limits.ts'
import { setNextTimes } from './nextTimes.ts'
import { newWebhook } from './triggers.ts'
import { variablesProblem, withoutDefault } from './variables.ts'
import type { CreateRoutine, CreateTrigger } from './views.ts'

/** A routine of a batch. The rows that it refers to were read under the company's row lock, or inserted. */
export interface BatchRoutine {
  readonly id: string
  readonly input: CreateRoutine
  readonly triggers: readonly CreateTrigger[]
}

/** An expression has no year, so the instant does not matter to whether it ever comes. */
const ANY_INSTANT: Instant = '2024-01-01T00:00:00.000Z'

/** Why variables and triggers are none of a routine, as a sentence; null when they are. Pure. */
export function problemOfRoutine(variables: CreateRoutine['variables'], triggers: readonly CreateTrigger[]): string | null {
  const problem = variablesProblem(variables)
  if (problem !== null) return problem
  for (const trigger of triggers) {
    if (trigger.kind !== 'schedule') continue
    const ofSchedule = cronProblem(trigger.cronExpression, trigger.timezone, ANY_INSTANT)
    if (ofSchedule !== null) return `${trigger.cronExpression.slice(0, 100)} in ${trigger.timezone}: ${ofSchedule}`
    const missing = withoutDefault(variables)
    if (missing.length > 0) return `A schedule cannot give values of variables: ${missing.join(', ')} need a default`
  }
  return null
}

const countAll = statement<{ companyId: string }, { active: number; kept: number }>('routine_count_all').read(sql`
  select (count(*) filter (where status <> 'archived'))::int as active, count(*)::int as kept from ${routines}
  where company_id = ${param('companyId', 'uuid')}`)

/** Rows of one insert: a row has some twenty parameters. */
const ROWS_AT_ONCE = 100

async function inParts<T>(rows: readonly T[], insert: (part: T[]) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) await insert(rows.slice(at, at + ROWS_AT_ONCE))
}

/** So many new ids that ascend: rows of one transaction have one time, and are listed in the order of their ids. */
const ascendingIds = (count: number): string[] => Array.from({ length: count }, () => randomUUID() as string).toSorted()

/**
 * (tx) Inserts routines with their triggers. Expects the company's row lock, and routines that `problemOfRoutine` accepts. The secret of a webhook is
 * made here and shown to nothing: the board rotates it to learn one. Schedules begin with their next time.
 * @throws Refusal `unprocessable` beyond the routines of a company; `vault_locked`
 */
export async function insertRoutines(tx: Tx, ctx: Ctx, batch: readonly BatchRoutine[]): Promise<DomainEvent[]> {
  if (batch.length === 0) return []
  const companyId = companyOf(ctx)
  const { active, kept } = exactlyOne(await tx.run(countAll, { companyId }))
  const added = batch.filter(({ input }) => input.status !== 'archived').length
  if (active + added > MAX_ROUTINES)
    refuse('unprocessable', {
      message: `A company has at most ${MAX_ROUTINES} routines that are not archived`,
      details: { limit: MAX_ROUTINES },
    })
  if (kept + batch.length > MAX_KEPT_ROUTINES)
    refuse('unprocessable', {
      message: `A company has at most ${MAX_KEPT_ROUTINES} routines, the archived ones included`,
      details: { limit: MAX_KEPT_ROUTINES },
    })
  const { agentId, userId } = authorOf(ctx.actor)
  const authors = { createdByAgentId: agentId, createdByUserId: userId, updatedByAgentId: agentId, updatedByUserId: userId }
  const rows = batch.map(({ id, input }) => ({
    ...input,
    ...authors,
    id,
    companyId,
    pauseReason: input.status === 'active' ? null : ('board' as const),
  }))
  await inParts(rows, (part) => tx.insert(routines).values(part))
  const triggers = await triggersOf(tx, companyId, batch)
  await inParts(triggers, (part) => tx.insert(routineTriggers).values(part.map((row) => ({ ...row, ...authors }))))
  await setNextTimes(
    tx,
    batch.map(({ id }) => id),
  )
  const assigneeOf = new Map(batch.map(({ id, input }) => [id, input.assigneeAgentId ?? null]))
  return [
    ...batch.map(({ id, input: { title, status, projectId = null, assigneeAgentId = null } }) =>
      routineCreated(id, { title, status, assigneeAgentId, projectId }, { agentId: assigneeAgentId }),
    ),
    ...triggers.map(({ id, routineId, kind, enabled, ...row }) =>
      triggerCreated(
        id,
        { routineId, kind, enabled, cronExpression: row.cronExpression, timezone: row.timezone, signingMode: row.signingMode },
        { agentId: assigneeOf.get(routineId) ?? null },
      ),
    ),
  ]
}

async function triggersOf(tx: Tx, companyId: string, batch: readonly BatchRoutine[]) {
  const given = batch.flatMap(({ id: routineId, triggers }) => triggers.map((trigger) => ({ routineId, trigger })))
  const ids = ascendingIds(given.length)
  const rows = []
  for (const [at, { routineId, trigger }] of given.entries()) {
    const id = ids[at] ?? randomUUID()
    const { kind, enabled, label = null } = trigger
    rows.push({
      id,
      companyId,
      routineId,
      kind,
      enabled,
      label,
      cronExpression: trigger.kind === 'schedule' ? trigger.cronExpression : null,
      timezone: trigger.kind === 'schedule' ? trigger.timezone : null,
      signingMode: trigger.kind === 'webhook' ? trigger.signingMode : null,
      replayWindowSec: trigger.kind === 'webhook' ? trigger.replayWindowSec : null,
      ...(trigger.kind === 'webhook' ? (await newWebhook(tx, companyId, id)).columns : null),
    })
  }
  return rows
}
