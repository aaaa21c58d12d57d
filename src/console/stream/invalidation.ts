// Which reads an event makes old. The first part of a key is its noun; an event names a row by its id.

import type { Query } from '@tanstack/react-query'
import type { StreamEvent } from '../api/types.ts'

/** The nouns of reads that a change of a row of an entity type may concern. The types are those of `platform/kernel/event.ts`. */
const nounsOf: Readonly<Record<string, readonly string[]>> = {
  issue: ['issues', 'issue', 'holds', 'stalled', 'figures', 'projects', 'goals'],
  run: ['runs', 'run', 'holds', 'stalled', 'figures', 'agents', 'agent', 'issue', 'budgets', 'execution_workspaces'],
  wake: ['runs', 'holds', 'stalled', 'issue', 'agent'],
  agent: ['agents', 'agent', 'figures', 'stalled', 'runs', 'budgets', 'secretUsage', 'skills', 'skill'],
  approval: ['approvals', 'approval', 'figures', 'agents', 'issue'],
  company: ['companies', 'company', 'figures', 'budgets'],
  project: ['projects', 'project', 'issues', 'budgets', 'secretUsage'],
  goal: ['goals', 'goal'],
  label: ['labels', 'issues'],
  interaction: ['issue', 'figures', 'stalled'],
  invite: ['invites'],
  join_request: ['joinRequests', 'invites', 'figures', 'members', 'agents'],
  // The rights of the person of this browser may be among those that changed: what was refused is read again.
  person: [
    'members',
    'whoami',
    'joinRequests',
    'agent',
    'skill',
    'secrets',
    'secretProviders',
    'secretUsage',
    'webhooks',
    'webhook',
    'webhookDeliveries',
  ],
  cost_event: ['costs', 'budgets', 'figures', 'agents', 'agent', 'runs', 'run'],
  finance_event: ['costs'],
  budget_policy: ['budgets', 'figures', 'costs', 'agents', 'agent'],
  budget_incident: ['budgets', 'figures', 'agents', 'projects', 'approvals'],
  secret: ['secrets', 'secretUsage'],
  skill: ['skills', 'skill'],
  webhook: ['webhooks', 'webhook', 'webhookDeliveries'],
  routine: ['routines', 'routine'],
  routine_trigger: ['routines', 'routine'],
  routine_run: ['routines', 'routine', 'issues'],
  execution_workspace: ['execution_workspaces', 'close_readiness'],
}

/** Nouns of reads of single rows, and of what belongs to one: they are read again only when the event names their row. */
const singleRows = new Set([
  'issue',
  'run',
  'runEvents',
  'runActivity',
  'agent',
  'approval',
  'project',
  'goal',
  'company',
  'secretUsage',
  'routine',
  'webhook',
  'webhookDeliveries',
])

/** The parts of events that a batch needs. */
export interface ChangedRows {
  readonly nouns: ReadonlySet<string>
  readonly ids: ReadonlySet<string>
}

const isText = (value: unknown): value is string => typeof value === 'string'

/** The ids in the details of an event: `runId`, and each of `issueIds`. */
const idsIn = (details: Readonly<Record<string, unknown>> | null): string[] =>
  Object.entries(details ?? {}).flatMap(([name, value]) => (/(?:^|[a-z])Ids?$/i.test(name) ? [value].flat().filter(isText) : []))

/** The rows that a batch of events changed. */
export function changedBy(events: readonly StreamEvent[]): ChangedRows {
  const nouns = new Set<string>()
  const ids = new Set<string>()
  for (const event of events) {
    if (event.type === 'activity.logged') {
      const { action, entityType, entityId, agentId, runId, details } = event.payload
      for (const noun of nounsOf[entityType] ?? [`${entityType}s`, entityType]) nouns.add(noun)
      for (const noun of ['activity', 'runActivity']) nouns.add(noun)
      if (action.startsWith('issue.thread_interaction_')) nouns.add('questions')
      // All routines of a company are paused under the name of the company.
      if (action.startsWith('routine.')) for (const noun of ['routines', 'routine']) nouns.add(noun)
      // Its skills are imported so, too.
      if (action.startsWith('company.skill')) for (const noun of ['skills', 'skill']) nouns.add(noun)
      for (const id of [entityId, agentId, runId, ...idsIn(details)]) if (id !== null) ids.add(id)
    } else if (event.type === 'heartbeat.run.event') {
      // The exit of a process is written to its run without an audit row, and such an event follows it.
      for (const noun of ['runEvents', 'run']) nouns.add(noun)
      ids.add(event.payload.runId)
    }
  }
  return { nouns, ids }
}

const textsOf = (key: readonly unknown[]): string[] => key.filter(isText)

const idOf = (row: unknown): readonly string[] => {
  const id = typeof row === 'object' && row !== null && 'id' in row ? row.id : null
  return isText(id) ? [id] : []
}

/** The ids of the row that a read shows, and of the rows that stand in it, such as the blockers of an issue. */
const idsOfData = (query: Query): readonly string[] => {
  const row = (query.state.data as { data?: object | null } | undefined)?.data ?? {}
  const parts = Array.isArray(row) ? [] : Object.values(row).filter(Array.isArray)
  return [...idOf(row), ...parts.flatMap((rows: unknown[]) => rows.flatMap(idOf))]
}

/** Whether a read may show something that has changed. */
export function isChanged(query: Query, { nouns, ids }: ChangedRows): boolean {
  const noun = String(query.queryKey[0])
  if (!nouns.has(noun)) return false
  // A row that is still being read is not known by its id.
  if (!singleRows.has(noun) || query.state.data === undefined) return true
  return [...textsOf(query.queryKey), ...idsOfData(query)].some((id) => ids.has(id))
}
