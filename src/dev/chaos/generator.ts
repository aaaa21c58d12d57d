import type { SeededRandom } from '../testing/seededRandom.ts'
import type { Operation } from './client.ts'
import type { Setup } from './setup.ts'

/** Maximum number of paused agents, so that most agents work. */
const MAX_PAUSED = 5
/** Number of recent runs from which a cancel operation picks. */
const MAX_RECENT_RUNS = 60
/** Share of issue operations that pick a hot issue. */
const HOT_ISSUE_RATE = 0.7

/** A run that the load acts for. */
export interface Run {
  readonly id: string
  readonly agentId: string
  readonly token: string
  /** The issue for which the run was started. */
  readonly issueId: string | null
}

/** Generates operations. It does not send them. */
export interface Generator {
  /** The next operation of a board user. Most of these operations start runs. */
  boardOperation(random: SeededRandom): Operation
  /** The next operation of a run. */
  runOperation(run: Run, random: SeededRandom): Operation
  /** Picks an issue, usually a hot one. */
  pickIssue(random: SeededRandom): string
  create(fields: object): Operation
  openRun(agentId: string, key: string, runFields: object): Operation
  checkout(run: Run, issueId: string): Operation
  patch(run: Run, issueId: string): Operation
  finish(run: Run, status: 'succeeded' | 'failed'): Operation
  forceRelease(issueId: string, clearAssignee: boolean, body: object): Operation
  /** Adds a run to the recent runs that a cancel operation may pick. */
  rememberRun(runId: string): void
}

type Choice = readonly [weight: number, build: () => Operation]

/** Builds one of the operations, picked by weight. Falls back to the first one on a rounding error. */
function pickWeighted(choices: readonly [Choice, ...Choice[]], { next }: SeededRandom): Operation {
  let remaining = next() * choices.reduce((sum, [weight]) => sum + weight, 0)
  const chosen = choices.find(([weight]) => (remaining -= weight) < 0) ?? choices[0]
  return chosen[1]()
}

const post = (name: string, path: string, body?: object): Operation => ({
  name,
  method: 'POST',
  path,
  ...(body === undefined ? {} : { body }),
})
const patchOperation = (path: string, body: object): Operation => ({ name: 'patch', method: 'PATCH', path, body })
const withToken = (token: string, operation: Operation): Operation => ({ ...operation, token })
const finishRun: Generator['finish'] = (run, status) =>
  withToken(run.token, post('finish', `/api/heartbeat-runs/${run.id}/finish`, { status }))
const forceRelease: Generator['forceRelease'] = (issueId, clearAssignee, body) =>
  post('force', `/api/issues/${issueId}/admin/force-release?clearAssignee=${clearAssignee}`, body)

/** The state of a generator and the choices that board users and runs share. */
interface GeneratorContext {
  readonly setup: Setup
  readonly recentRuns: string[]
  /** Returns a new text in every call, so that every change changes a value. */
  readonly uniqueText: () => string
  readonly pickIssue: (random: SeededRandom) => string
  readonly create: (fields: object) => Operation
  readonly pauseOrResume: (random: SeededRandom) => Operation
}

function createContext(setup: Setup): GeneratorContext {
  const { companyId, agents, hot, cold } = setup
  const paused: string[] = []
  let textCount = 0
  const uniqueText = (): string => `Word ${(textCount += 1)}`
  return {
    setup,
    recentRuns: [],
    uniqueText,
    pickIssue: (random) => (random.next() < HOT_ISSUE_RATE || cold.length === 0 ? random.pick(hot) : random.pick(cold)),
    create: (fields) => post('create', `/api/companies/${companyId}/issues`, { title: uniqueText(), status: 'todo', ...fields }),
    pauseOrResume(random) {
      const resumed = paused.length >= MAX_PAUSED || (paused.length > 0 && random.next() < 0.5) ? paused.shift() : undefined
      if (resumed !== undefined) return post('resume', `/api/agents/${resumed}/resume`)
      const { id } = random.pick(agents)
      paused.push(id)
      return post('pause', `/api/agents/${id}/pause`)
    },
  }
}

function generateBoardOperation(context: GeneratorContext, random: SeededRandom): Operation {
  const { setup, recentRuns, uniqueText, pickIssue, create, pauseOrResume } = context
  const { agents } = setup
  const { next, pick } = random
  const issueId = pickIssue(random)
  const issuePath = `/api/issues/${issueId}`
  const agent = pick(agents)
  const isHeads = next() < 0.5
  return pickWeighted(
    [
      [26, () => post('invoke', `/api/agents/${agent.id}/heartbeat/invoke`)],
      [14, () => post('wakeup', `/api/agents/${agent.id}/wakeup`, { payload: { issueId } })],
      [14, () => patchOperation(issuePath, { title: uniqueText(), assigneeAgentId: agent.id, status: 'todo' })],
      [3, () => patchOperation(issuePath, { title: uniqueText(), status: pick(['todo', 'in_review', 'done', 'blocked']) })],
      [1, () => patchOperation(issuePath, { title: uniqueText(), comment: uniqueText(), interrupt: true })],
      [8, () => post('comment', `${issuePath}/comments`, { body: `${uniqueText()} @${agent.name} and @${pick(agents).name}` })],
      [6, () => post('comment', `${issuePath}/comments`, { body: uniqueText(), reopen: isHeads })],
      [3, () => create({ priority: pick(['critical', 'high', 'medium', 'low']), ...(isHeads ? { assigneeAgentId: agent.id } : {}) })],
      [4, () => forceRelease(issueId, isHeads, { cancelRun: next() < 0.3 })],
      [2, () => post('release', `${issuePath}/release`)],
      [3, () => post('checkout', `${issuePath}/checkout`, { agentId: agent.id, expectedStatuses: ['todo', 'blocked'] })],
      [recentRuns.length === 0 ? 0 : 4, () => post('cancel', `/api/heartbeat-runs/${pick(recentRuns)}/cancel`)],
      [2, () => pauseOrResume(random)],
    ],
    random,
  )
}

function generateRunOperation({ setup, uniqueText, pickIssue }: GeneratorContext, run: Run, random: SeededRandom): Operation {
  const { companyId, agents } = setup
  const { next, pick } = random
  const { agentId } = run
  const issuePath = `/api/issues/${run.issueId !== null && next() < 0.6 ? run.issueId : pickIssue(random)}`
  const operation = pickWeighted(
    [
      [1, () => post('checkout', `${issuePath}/checkout`, { agentId, expectedStatuses: ['todo', 'backlog', 'in_review', 'blocked'] })],
      [1, () => post('checkout', `${issuePath}/checkout`, { agentId, expectedStatuses: ['todo', 'done', 'in_progress'] })],
      [2, () => patchOperation(issuePath, { title: uniqueText() })],
      [1, () => patchOperation(issuePath, { title: uniqueText(), status: pick(['todo', 'in_progress', 'in_review', 'done']) })],
      [1, () => post('comment', `${issuePath}/comments`, { body: `${uniqueText()} @${pick(agents).name}` })],
      [1, () => post('release', `${issuePath}/release`)],
      [1, () => post('claim', `/api/companies/${companyId}/issues/claim`, { statuses: ['todo', 'in_review'] })],
      [1, () => finishRun(run, pick(['succeeded', 'failed']))],
    ],
    random,
  )
  return withToken(run.token, operation)
}

export function createGenerator(setup: Setup): Generator {
  const context = createContext(setup)
  const { recentRuns, uniqueText, pickIssue, create } = context
  return {
    boardOperation: (random) => generateBoardOperation(context, random),
    runOperation: (run, random) => generateRunOperation(context, run, random),
    pickIssue,
    create,
    openRun: (agentId, key, runFields) => withToken(key, post('open', `/api/agents/${agentId}/runs`, runFields)),
    checkout: ({ agentId, token }, issueId) =>
      withToken(
        token,
        post('checkout', `/api/issues/${issueId}/checkout`, { agentId, expectedStatuses: ['todo', 'blocked', 'in_review', 'in_progress'] }),
      ),
    patch: ({ token }, issueId) => withToken(token, patchOperation(`/api/issues/${issueId}`, { title: uniqueText() })),
    finish: finishRun,
    forceRelease,
    rememberRun(runId) {
      recentRuns.push(runId)
      if (recentRuns.length > MAX_RECENT_RUNS) recentRuns.shift()
    },
  }
}
