import { randomUUID } from 'node:crypto'
import type { CopySource, CopyValue } from './copy.ts'

/** The owners of the rows of a large company, and the number of its issues. */
export interface PlantPlan {
  readonly companyId: string
  readonly prefix: string
  readonly issues: number
  readonly agentIds: readonly string[]
  readonly projectIds: readonly string[]
  readonly labelIds: readonly string[]
  /** The person whose inbox is read. */
  readonly userId: string
  /** The time of the newest row, in ms; the others lie before it. */
  readonly newestAt: number
}

/** A word that few issues have, in their title, and one that every issue has. */
export const RARE_WORD = 'zeppelin'
export const COMMON_WORD = 'done'
/** Issues with the rare word, whatever the size. */
const RARE_ISSUES = 5
/** From the oldest row to the newest. */
const SPAN_MS = 300 * 24 * 3600 * 1000
/** Runs for each issue: one in five. */
const ISSUES_PER_RUN = 5

/**
 * The same number for the same row on every machine, spread evenly below `sides`, and independent of the numbers with another salt: the agent
 * of an issue says nothing about its priority.
 */
export function spread(index: number, salt: number, sides: number): number {
  let bits = Math.imul(index + 1, 0x9e37_79b1) ^ Math.imul(salt + 1, 0x85eb_ca77)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35)
  return ((bits ^ (bits >>> 16)) >>> 0) % sides
}

const pick = <T>(list: readonly T[], index: number, salt: number): T => list[spread(index, salt, list.length)] as T

const instant = (ms: number): string => new Date(ms).toISOString()

/** Open issues are few in a company of that age. None is in progress: no run holds any. */
const statusOf = (index: number): string => {
  const share = spread(index, 1, 100)
  if (share < 72) return 'done'
  if (share < 77) return 'cancelled'
  if (share < 88) return 'backlog'
  return share < 97 ? 'todo' : share < 99 ? 'in_review' : 'blocked'
}

/** The issues and runs that other rows refer to. */
export interface PlantIds {
  readonly issueIds: readonly string[]
  readonly runIds: readonly string[]
}

export const drawIds = ({ issues }: PlantPlan): PlantIds => ({
  issueIds: Array.from({ length: issues }, () => randomUUID()),
  runIds: Array.from({ length: Math.ceil(issues / ISSUES_PER_RUN) }, () => randomUUID()),
})

/** When a row with this index of so many was written. */
export const writtenAt = ({ newestAt }: PlantPlan, index: number, of: number): number =>
  newestAt - SPAN_MS + Math.floor((SPAN_MS * (index + 1)) / of)

function* issueRows(plan: PlantPlan, { issueIds }: PlantIds): Generator<readonly CopyValue[]> {
  const { companyId, prefix, agentIds, projectIds, userId, issues } = plan
  for (const [index, id] of issueIds.entries()) {
    const number = index + 1
    const rare = index % Math.max(1, Math.floor(issues / RARE_ISSUES)) === 0 ? ` ${RARE_WORD}` : ''
    const createdAt = writtenAt(plan, index, issues)
    const byPerson = spread(index, 2, 50) === 0
    const status = statusOf(index)
    yield [
      id,
      companyId,
      pick(projectIds, index, 3),
      `Issue ${number}: what is to be ${COMMON_WORD}${rare}`,
      'Why it is needed, what it changes, and how it is checked. '.repeat(4),
      status,
      pick(['critical', 'high', 'medium', 'low'], index, 4),
      spread(index, 5, 10) < 6 ? pick(agentIds, index, 6) : null,
      byPerson ? null : pick(agentIds, index, 7),
      byPerson ? userId : null,
      number,
      `${prefix}-${number}`,
      status === 'done' ? instant(createdAt + 3_600_000) : null,
      instant(createdAt),
      instant(Math.min(plan.newestAt, createdAt + spread(index, 8, 30 * 24 * 3600) * 1000)),
    ]
  }
}

function* commentRows(plan: PlantPlan, { issueIds }: PlantIds): Generator<readonly CopyValue[]> {
  for (let index = 0; index < issueIds.length; index += 2) {
    const byPerson = spread(index, 9, 50) === 0
    const at = instant(writtenAt(plan, index, issueIds.length))
    yield [
      plan.companyId,
      issueIds[index] ?? null,
      byPerson ? null : pick(plan.agentIds, index, 10),
      byPerson ? plan.userId : null,
      'What was done, what is left, and what the next one should know. '.repeat(2),
      at,
      at,
    ]
  }
}

function* runRows(plan: PlantPlan, { issueIds, runIds }: PlantIds): Generator<readonly CopyValue[]> {
  for (const [index, id] of runIds.entries()) {
    const at = instant(writtenAt(plan, index, runIds.length))
    const share = spread(index, 11, 100)
    const status = share < 90 ? 'succeeded' : share < 96 ? 'failed' : share < 98 ? 'cancelled' : 'timed_out'
    yield [id, plan.companyId, runAgent(plan, index), issueIds[index * ISSUES_PER_RUN] ?? null, status, at, at, at, at]
  }
}

/** The agent of a run, which its audit rows have as well. */
export const runAgent = ({ agentIds }: PlantPlan, runIndex: number): string => pick(agentIds, runIndex, 12)

function* labelRows({ labelIds }: PlantPlan, { issueIds }: PlantIds): Generator<readonly CopyValue[]> {
  for (const [index, id] of issueIds.entries()) if (spread(index, 13, 10) < 3) yield [id, pick(labelIds, index, 14)]
}

/** Rows of a person about one issue in `every`. */
function* personRows(plan: PlantPlan, { issueIds }: PlantIds, salt: number, every: number): Generator<readonly CopyValue[]> {
  for (const [index, id] of issueIds.entries())
    if (spread(index, salt, every) === 0) yield [plan.companyId, id, plan.userId, instant(writtenAt(plan, index, issueIds.length))]
}

/** All that is planted beside the audit log, in the order of their tables. */
export const plantSources = (plan: PlantPlan, ids: PlantIds): CopySource[] => [
  {
    table: 'issues',
    columns:
      'id company_id project_id title description status priority assignee_agent_id created_by_agent_id created_by_user_id issue_number identifier completed_at created_at updated_at'.split(
        ' ',
      ),
    rows: issueRows(plan, ids),
  },
  {
    table: 'issue_comments',
    columns: ['company_id', 'issue_id', 'author_agent_id', 'author_user_id', 'body', 'created_at', 'updated_at'],
    rows: commentRows(plan, ids),
  },
  {
    table: 'heartbeat_runs',
    columns: ['id', 'company_id', 'agent_id', 'issue_id', 'status', 'started_at', 'finished_at', 'lease_expires_at', 'created_at'],
    rows: runRows(plan, ids),
  },
  { table: 'issue_labels', columns: ['issue_id', 'label_id'], rows: labelRows(plan, ids) },
  {
    table: 'issue_read_states',
    columns: ['company_id', 'issue_id', 'user_id', 'last_read_at'],
    rows: personRows(plan, ids, 15, 50),
  },
  {
    table: 'issue_inbox_archives',
    columns: ['company_id', 'issue_id', 'user_id', 'archived_at'],
    rows: personRows(plan, ids, 16, 100),
  },
]
