// The rows of "Needs you", made of what the server lists. Nothing here reads anything, so that it can be tested by itself.

import type { Activity, Agent, Approval, BudgetIncident, Hold, JoinRequest, Run, Stalled } from '../../api/types.ts'
import { isOpenStop, scopeWords } from '../../budgetParts/words.ts'
import { formatCents } from '../../parts/money.ts'
import { wordsOf } from '../../parts/Status.tsx'
import { titleOf } from '../approvals/words.ts'

/** The kinds of needs, the most urgent first: what stands still and holds up others, before what asks. */
export const needKinds = [
  'dead hold',
  'budget stop',
  'agent in error',
  'failed run',
  'approval',
  'question',
  'join request',
  'stalled issue',
] as const
export type NeedKind = (typeof needKinds)[number]

/** One thing that waits for a person. */
export interface Need {
  readonly key: string
  readonly kind: NeedKind
  /** The thing, in the words of its page. */
  readonly title: string
  /** The page of the thing, below the company. */
  readonly to: string
  /** Why it waits, as a sentence without its full stop. */
  readonly why: string
  readonly since: string | null
  /** The words of the link to the act, where the act is done on the page of the thing. */
  readonly act: string
  readonly hold?: Hold
  readonly joinRequest?: JoinRequest
}

/** The lists that the needs are made of. */
export interface NeedSources {
  readonly deadHolds: readonly Hold[]
  readonly agents: readonly Agent[]
  readonly incidents: readonly BudgetIncident[]
  readonly failedRuns: readonly Run[]
  readonly recentRuns: readonly Run[]
  readonly approvals: readonly Approval[]
  readonly interactionRows: readonly Activity[]
  readonly joinRequests: readonly JoinRequest[]
  readonly stalled: readonly Stalled[]
}

const nameIn = (agents: readonly Agent[], id: string | null): string => agents.find((agent) => agent.id === id)?.name ?? 'An agent'

function whyDead({ holder }: Hold): string {
  if (holder === null) return 'No run holds it any more, and it was not freed'
  const isEnded = holder.status !== 'running' && holder.status !== 'queued'
  return `Held by ${holder.agentName}, whose ${isEnded ? `run is ${wordsOf(holder.status)}` : 'lease has run out'}`
}

const deadHoldNeeds = ({ deadHolds }: NeedSources): Need[] =>
  deadHolds.map((hold) => ({
    key: `hold ${hold.issueId}`,
    kind: 'dead hold',
    title: `${hold.identifier} ${hold.title}`,
    to: `issues/${hold.identifier}`,
    why: whyDead(hold),
    since: hold.holder?.leaseExpiresAt ?? hold.heldSince,
    act: 'Look at the hold',
    hold,
  }))

/** The budgets that have stopped work and are not answered. A budget that only warns is none of them. */
const budgetNeeds = ({ incidents }: NeedSources): Need[] =>
  incidents.filter(isOpenStop).map((incident) => ({
    key: `budget ${incident.id}`,
    kind: 'budget stop',
    title: scopeWords(incident),
    to: `budgets?incident=${incident.id}`,
    why: `It has spent ${formatCents(incident.amountObserved)} of ${formatCents(incident.amountLimit)}, and starts no run`,
    since: incident.createdAt,
    act: 'Raise the budget or keep it stopped',
  }))

const errorNeeds = ({ agents }: NeedSources): Need[] =>
  agents
    .filter(({ status }) => status === 'error')
    .map((agent) => ({
      key: `error ${agent.id}`,
      kind: 'agent in error',
      title: agent.name,
      to: `agents/${agent.id}`,
      why: 'Its last run failed in a way that its configuration has to be corrected for',
      since: agent.updatedAt,
      act: 'Correct the agent',
    }))

/** The failed runs after which their agents have had no other run: of each agent the newest one. */
function failedNow({ failedRuns, recentRuns, agents }: NeedSources): Run[] {
  const newest = new Map<string, Run>()
  for (const run of [...failedRuns, ...recentRuns]) {
    const known = newest.get(run.agentId)
    if (known === undefined || Date.parse(known.createdAt) < Date.parse(run.createdAt)) newest.set(run.agentId, run)
  }
  const isGone = (id: string): boolean => agents.some((agent) => agent.id === id && agent.status === 'terminated')
  return [...newest.values()].filter(({ status, agentId }) => (status === 'failed' || status === 'timed_out') && !isGone(agentId))
}

/** The error of a run as the beginning of a sentence; a program may have ended it with a full stop. */
function reasonOf({ error, status }: Run): string {
  const reason = (error ?? '').trim().replace(/\.+$/, '')
  if (reason !== '') return reason
  return status === 'timed_out' ? 'It took longer than it may' : 'It gave no reason'
}

const failureNeeds = (sources: NeedSources): Need[] =>
  failedNow(sources).map((run) => ({
    key: `run ${run.id}`,
    kind: 'failed run',
    title: `${nameIn(sources.agents, run.agentId)}, run ${run.id.slice(0, 8)}`,
    to: `runs/${run.id}`,
    why: reasonOf(run),
    since: run.finishedAt ?? run.createdAt,
    act: 'Read its log',
  }))

const approvalWords: Readonly<Record<Approval['type'], string>> = {
  hire_agent: 'A hire',
  approve_ceo_strategy: 'A strategy',
  budget_override_required: 'A budget',
  request_board_approval: 'A decision of the board',
}

const textIn = (record: Readonly<Record<string, unknown>> | null, ...names: readonly string[]): string | null => {
  const found = names.map((name) => record?.[name]).find((value) => typeof value === 'string' && value !== '')
  return typeof found === 'string' ? found : null
}

/** The approvals that wait. The one that a stop asks for stands on the row of the stop. */
function approvalNeeds({ approvals, agents, incidents }: NeedSources): Need[] {
  const ofStops = new Set(incidents.filter(isOpenStop).map(({ approvalId }) => approvalId))
  return approvals
    .filter(({ id }) => !ofStops.has(id))
    .map(({ id, type, payload, requestedByAgentId, requestedByUserId, createdAt }) => ({
      key: `approval ${id}`,
      kind: 'approval',
      title: titleOf({ type, payload }),
      to: `approvals/${id}`,
      why: `${approvalWords[type]}, asked for by ${requestedByAgentId !== null ? nameIn(agents, requestedByAgentId) : requestedByUserId !== null ? 'a person' : 'the server'}`,
      since: createdAt,
      act: 'Decide',
    }))
}

/** The questions that no audit row answers, refuses or ends. */
function questionNeeds({ interactionRows, agents }: NeedSources): Need[] {
  const idOf = ({ details }: Activity): string => textIn(details, 'interactionId') ?? ''
  const ended = new Set(interactionRows.filter(({ action }) => !action.endsWith('_created')).map(idOf))
  return interactionRows
    .filter((row) => row.action.endsWith('_created') && !ended.has(idOf(row)))
    .map((row) => ({
      key: `question ${idOf(row)}`,
      kind: 'question',
      title: textIn(row.details, 'title') ?? 'A question on an issue',
      to: `issues/${row.entityId}`,
      why: `${nameIn(agents, row.agentId)} waits for your answer`,
      since: row.createdAt,
      act: 'Answer',
    }))
}

const joinNeeds = ({ joinRequests }: NeedSources): Need[] =>
  joinRequests.map((joinRequest) => ({
    key: `join ${joinRequest.id}`,
    kind: 'join request',
    title: joinRequest.agentName ?? joinRequest.requestEmailSnapshot ?? 'A person',
    to: 'settings?tab=requests',
    why: `Asks to join as ${joinRequest.requestType === 'agent' ? 'an agent' : 'a person'}`,
    since: joinRequest.createdAt,
    act: 'Decide',
    joinRequest,
  }))

const stalledNeeds = ({ stalled, agents }: NeedSources): Need[] =>
  stalled.map((row) => ({
    key: `stalled ${row.issueId}`,
    kind: 'stalled issue',
    title: `${row.identifier} ${row.title}`,
    to: `issues/${row.identifier}`,
    why: `${nameIn(agents, row.assigneeAgentId)} has it, and no run works on it. ${row.act ?? ''}`.trim(),
    since: row.since,
    act: 'Look at the issue',
  }))

const time = ({ since }: Need): number => (since === null ? 0 : Date.parse(since))

/** Everything that waits for a person: by urgency, and within a kind the longest wait first. */
export function needsOf(sources: NeedSources): Need[] {
  const needs = [
    ...deadHoldNeeds(sources),
    ...budgetNeeds(sources),
    ...errorNeeds(sources),
    ...failureNeeds(sources),
    ...approvalNeeds(sources),
    ...questionNeeds(sources),
    ...joinNeeds(sources),
    ...stalledNeeds(sources),
  ]
  return needs.toSorted((one, other) => needKinds.indexOf(one.kind) - needKinds.indexOf(other.kind) || time(one) - time(other))
}
