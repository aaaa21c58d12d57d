// The filters of the activity page, as its address has them, and the query of the API that they make.

import type { Query } from '../../api/client.ts'
import type { Activity } from '../../api/types.ts'
import { sentences } from './sentences.ts'

/** The names in the address that choose rows. They are those of the API, but `preset`. */
export const filterNames = ['preset', 'agentId', 'runId', 'entityType', 'entityId', 'action', 'since', 'until'] as const
type FilterName = (typeof filterNames)[number]

/** The failures: of runs that ended, only those that did not end well. */
const failures = [
  'agent.quarantined',
  'agent.start_failed',
  'approval.requester_wakeup_failed',
  'heartbeat.run_finished',
  'issue.stalled',
  'wake.closed',
  'wake.retried',
  'webhook.disabled',
  'webhook.parked',
]

/** Changes of permissions and of the texts that agents follow, and the decisions of the board. A query has at most 30 of them. */
const governance = [
  'agent.config_rolled_back',
  'agent.created',
  'agent.deleted',
  'agent.grants_changed',
  'agent.hire_created',
  'agent.instructions_file_updated',
  'agent.key_created',
  'agent.key_revoked',
  'agent.permissions_updated',
  'agent.quarantine_released',
  'agent.quarantined',
  'agent.skills_synced',
  'agent.terminated',
  'agent.updated',
  'approval.approved',
  'approval.cancelled',
  'approval.created',
  'approval.rejected',
  'approval.resubmitted',
  'approval.revision_requested',
  'company.archived',
  'company.skills_imported',
  'company.updated',
  'invite.created',
  'invite.revoked',
  'join.approved',
  'join.rejected',
  'person.access_changed',
  'person.permissions_changed',
  'person.role_changed',
]

const isFailure = ({ action, details }: Activity): boolean => {
  if (action === 'heartbeat.run_finished') return details?.['status'] === 'failed' || details?.['status'] === 'timed_out'
  return action !== 'wake.closed' || details?.['why'] === 'loop_bound'
}

export interface Preset {
  readonly value: string
  readonly label: string
  readonly query: Query
  /** Whether a row of the query belongs to it; all do, unless given. */
  readonly has?: (row: Activity) => boolean
}

/** Choices that are made with one click. */
export const presets: readonly Preset[] = [
  { value: '', label: 'Everything', query: {} },
  { value: 'interventions', label: 'Interventions', query: { interventions: true } },
  { value: 'failures', label: 'Failures', query: { action: failures.join(',') }, has: isFailure },
  { value: 'governance', label: 'Governance', query: { action: governance.join(',') } },
]

export interface Filter {
  readonly preset: Preset
  /** The query of the API. */
  readonly query: Query
  /** Whether the address chooses anything. */
  readonly isSet: boolean
}

/** The filter in an address. A name that is not known is ignored. */
export function filterIn(place: URLSearchParams): Filter {
  const [everything] = presets as [Preset]
  const preset = presets.find(({ value }) => value === place.get('preset')) ?? everything
  const of = (name: FilterName): string | null => place.get(name)
  const own: Query = {
    agentId: of('agentId'),
    runId: of('runId'),
    entityType: of('entityType'),
    entityId: of('entityId'),
    action: of('action'),
    since: of('since'),
    until: of('until'),
  }
  const chosen = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== null && value !== ''))
  return { preset, query: { ...preset.query, ...chosen }, isSet: filterNames.some((name) => (of(name) ?? '') !== '') }
}

/** Groups of the select of actions, with the heads of the names of their actions. */
const groupOf: Readonly<Record<string, string>> = {
  issue: 'Issues and holds',
  heartbeat: 'Runs and wakes',
  wake: 'Runs and wakes',
  agent: 'Agents',
  agent_api_key: 'Agents',
  approval: 'Approvals',
  project: 'Projects, goals and labels',
  goal: 'Projects, goals and labels',
  label: 'Projects, goals and labels',
  invite: 'People',
  join: 'People',
  person: 'People',
  secret: 'Secrets',
  webhook: 'Webhooks',
  routine: 'Routines',
}
const OTHERS = 'The company'
/** Rows of these belong to no company: they are in the log of the instance. */
const ofInstance =
  /^(?:audit|board|board_api_key|board_claim|cli_login|instance)\.|^person\.(?!role_changed|permissions_changed|access_changed)/

const groupNames = [...new Set([...Object.values(groupOf), OTHERS])].toSorted()
const actionsOfCompanies = Object.keys(sentences)
  .filter((action) => !ofInstance.test(action))
  .toSorted()
const groupNameOf = (action: string): string => groupOf[action.split('.')[0] ?? ''] ?? OTHERS

/** The actions that rows of a company have, by group. */
export const actionGroups: readonly (readonly [group: string, actions: readonly string[]])[] = groupNames.map((group) => [
  group,
  actionsOfCompanies.filter((action) => groupNameOf(action) === group),
])

const DAY_MS = 86_400_000

/** The day of the reader in which an instant lies, as a field of a date has it. */
export function dayOf(instant: string | null): string {
  const at = new Date(instant ?? '')
  if (Number.isNaN(at.getTime())) return ''
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}

/** The first instant of a day of the reader; null for no day. */
export function startOf(day: string): string | null {
  const at = new Date(`${day}T00:00:00`)
  return day === '' || Number.isNaN(at.getTime()) ? null : at.toISOString()
}

/** The first instant after a day of the reader; null for no day. */
export function endOf(day: string): string | null {
  const start = startOf(day)
  if (start === null) return null
  const next = new Date(start)
  // The day of a change of the clocks has 23 or 25 hours.
  next.setDate(next.getDate() + 1)
  return next.toISOString()
}

/** The last day before an instant that the filter excludes. */
export const lastDayBefore = (until: string | null): string =>
  until === null ? '' : dayOf(new Date(Math.max(Date.parse(until) - 1, -DAY_MS)).toISOString())
