import type { PlantedFacts } from './database.ts'
import { COMMON_WORD, RARE_WORD } from './rows.ts'

/** A read whose time must not grow with the company. */
export interface GrowthRead {
  readonly name: string
  /** The most that it may take at the large size, whatever it takes at the small one. */
  readonly barMs: number
  /** Sent by an agent with its key; left out: by the board. */
  readonly byAgent?: true
  path(facts: PlantedFacts): string
}

/** At the large size a read takes no more than this, or no more than twice its time at the small one. */
const BAR_MS = 15
const read = (name: string, path: (facts: PlantedFacts) => string): GrowthRead => ({ name, barMs: BAR_MS, path })

const company =
  (rest: string) =>
  ({ companyId }: PlantedFacts): string =>
    `/api/companies/${companyId}/${rest}`

/** A read of the list of issues, by its query. */
const list = (name: string, query: (facts: PlantedFacts) => string): GrowthRead =>
  read(name, (facts) => company(`issues?limit=50&${query(facts)}`)(facts))

const search = (name: string, word: (facts: PlantedFacts) => string): GrowthRead =>
  list(name, (facts) => `q=${encodeURIComponent(word(facts))}`)

const activity = (filter: string, query: (facts: PlantedFacts) => string): GrowthRead =>
  read(`activity${filter === '' ? '' : ` by ${filter}`}`, (facts) => company(`activity?limit=50&${query(facts)}`)(facts))

/** Every read that is measured at both sizes. */
export const growthReads: readonly GrowthRead[] = [
  read('issue', ({ issueId }) => `/api/issues/${issueId}`),
  read('comments of an issue', ({ issueId }) => `/api/issues/${issueId}/comments`),
  read('activity of an issue', ({ issueId }) => `/api/issues/${issueId}/activity`),
  list('list 50', () => ''),
  list('list 50, status', () => 'status=todo'),
  list('mine', ({ agentId }) => `assigneeAgentId=${agentId}&status=todo,in_progress`),
  list('list by assignee', ({ agentId }) => `assigneeAgentId=${agentId}`),
  list('touchedByUserId', () => 'touchedByUserId=me'),
  list('unreadForUserId', () => 'unreadForUserId=me'),
  list('inboxArchivedByUserId', () => 'inboxArchivedByUserId=me'),
  list('participantAgentId', ({ agentId }) => `participantAgentId=${agentId}`),
  list('project + status', ({ projectId }) => `projectId=${projectId}&status=todo`),
  list('label + status', ({ labelId }) => `labelId=${labelId}&status=todo`),
  search('search, a word of every issue', () => COMMON_WORD),
  search('search, a rare word', () => RARE_WORD),
  search('search, an identifier', ({ prefix, issues }) => `${prefix}-${Math.floor(issues / 2)}`),
  search('search, a word of no issue', () => 'quicksilver'),
  { ...read('inbox-lite', () => '/api/agents/me/inbox-lite'), byAgent: true },
  read('dashboard', company('dashboard')),
  read('badges', company('sidebar-badges')),
  read('stats', () => '/api/companies/stats'),
  read('agents', company('agents')),
  read('locks', company('locks')),
  activity('', () => ''),
  activity('agent', ({ agentId }) => `agentId=${agentId}`),
  activity('run', ({ runId }) => `runId=${runId}`),
  activity('entity type', () => 'entityType=issue'),
  activity('entity', ({ issueId }) => `entityType=issue&entityId=${issueId}`),
  activity('action', () => 'action=issue.released'),
  activity('an action that never happened', () => 'action=issue.deleted'),
  activity('interventions', () => 'interventions=true'),
  activity('since', () => 'since=2020-01-01'),
  activity('until', () => 'until=2020-01-01'),
  read('runs', company('heartbeat-runs?limit=50')),
  read('runs by agent', (facts) => company(`heartbeat-runs?limit=50&agentId=${facts.agentId}`)(facts)),
  read('runs by status', company('heartbeat-runs?limit=50&status=timed_out')),
  read('runs by agent and status', (facts) => company(`heartbeat-runs?limit=50&agentId=${facts.agentId}&status=failed`)(facts)),
]
