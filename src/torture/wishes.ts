import type { Dice } from '../testing/dice.ts'
import type { Wish } from './requests.ts'
import type { Scene } from './scene.ts'

/** Agents at pause at once: most are to work. */
const MOST_PAUSED = 5
/** Runs that are remembered, to be cancelled. */
const MOST_RECENT = 60
/** Of everything that is about an issue, this part is about one that everybody wants. */
const HOT = 0.7

/** A run as the load knows it. */
export interface Run {
  readonly id: string
  readonly agentId: string
  readonly token: string
  /** What it was started for. */
  readonly issueId: string | null
}

/** What may be asked for. Nothing here sends anything. */
export interface Wishes {
  /** What somebody at the board does next: mostly what makes agents run. */
  ofBoard(chance: Dice): Wish
  /** What an agent in a run does next. */
  ofRun(run: Run, chance: Dice): Wish
  /** An issue that is worked on, mostly a hot one. */
  issue(chance: Dice): string
  create(fields: object): Wish
  open(agentId: string, key: string, about: object): Wish
  checkout(run: Run, issueId: string): Wish
  patch(run: Run, issueId: string): Wish
  finish(run: Run, status: 'succeeded' | 'failed'): Wish
  force(issueId: string, clearAssignee: boolean, body: object): Wish
  /** Keeps a run in mind. */
  remember(runId: string): void
}

type Choice = readonly [weight: number, wish: () => Wish]

/** Picks by weight; the first choice where the dice fall on none. */
function weighed(choices: readonly [Choice, ...Choice[]], { roll }: Dice): Wish {
  let left = roll() * choices.reduce((sum, [weight]) => sum + weight, 0)
  const chosen = choices.find(([weight]) => (left -= weight) < 0) ?? choices[0]
  return chosen[1]()
}

const post = (name: string, path: string, body?: object): Wish => ({
  name,
  method: 'POST',
  path,
  ...(body === undefined ? {} : { body }),
})
const change = (path: string, body: object): Wish => ({ name: 'patch', method: 'PATCH', path, body })
const as = (token: string, wish: Wish): Wish => ({ ...wish, token })

export function createWishes({ companyId, agents, hot, cold }: Scene): Wishes {
  const recentRuns: string[] = []
  const paused: string[] = []
  let words = 0
  // No two are alike, so that a change always changes something.
  const text = (): string => `Word ${(words += 1)}`

  const issueFor = (chance: Dice): string => (chance.roll() < HOT || cold.length === 0 ? chance.pick(hot) : chance.pick(cold))

  const create = (fields: object): Wish =>
    post('create', `/api/companies/${companyId}/issues`, { title: text(), status: 'todo', ...fields })

  const stand = (chance: Dice): Wish => {
    const resumed = paused.length >= MOST_PAUSED || (paused.length > 0 && chance.roll() < 0.5) ? paused.shift() : undefined
    if (resumed !== undefined) return post('resume', `/api/agents/${resumed}/resume`)
    const { id } = chance.pick(agents)
    paused.push(id)
    return post('pause', `/api/agents/${id}/pause`)
  }

  const force: Wishes['force'] = (issueId, clearAssignee, body) =>
    post('force', `/api/issues/${issueId}/admin/force-release?clearAssignee=${clearAssignee}`, body)
  const finish: Wishes['finish'] = (run, status) => as(run.token, post('finish', `/api/heartbeat-runs/${run.id}/finish`, { status }))

  return {
    ofBoard(chance) {
      const { roll, pick } = chance
      const issueId = issueFor(chance)
      const issue = `/api/issues/${issueId}`
      const agent = pick(agents)
      const isLucky = roll() < 0.5
      return weighed(
        [
          [26, () => post('invoke', `/api/agents/${agent.id}/heartbeat/invoke`)],
          [14, () => post('wakeup', `/api/agents/${agent.id}/wakeup`, { payload: { issueId } })],
          [14, () => change(issue, { title: text(), assigneeAgentId: agent.id, status: 'todo' })],
          [3, () => change(issue, { title: text(), status: pick(['todo', 'in_review', 'done', 'blocked']) })],
          [1, () => change(issue, { title: text(), comment: text(), interrupt: true })],
          [8, () => post('comment', `${issue}/comments`, { body: `${text()} @${agent.name} and @${pick(agents).name}` })],
          [6, () => post('comment', `${issue}/comments`, { body: text(), reopen: isLucky })],
          [3, () => create({ priority: pick(['critical', 'high', 'medium', 'low']), ...(isLucky ? { assigneeAgentId: agent.id } : {}) })],
          [4, () => force(issueId, isLucky, { cancelRun: roll() < 0.3 })],
          [2, () => post('release', `${issue}/release`)],
          [3, () => post('checkout', `${issue}/checkout`, { agentId: agent.id, expectedStatuses: ['todo', 'blocked'] })],
          [recentRuns.length === 0 ? 0 : 4, () => post('cancel', `/api/heartbeat-runs/${pick(recentRuns)}/cancel`)],
          [2, () => stand(chance)],
        ],
        chance,
      )
    },
    ofRun(run, chance) {
      const { roll, pick } = chance
      const { agentId } = run
      const issue = `/api/issues/${run.issueId !== null && roll() < 0.6 ? run.issueId : issueFor(chance)}`
      const wish = weighed(
        [
          [1, () => post('checkout', `${issue}/checkout`, { agentId, expectedStatuses: ['todo', 'backlog', 'in_review', 'blocked'] })],
          [1, () => post('checkout', `${issue}/checkout`, { agentId, expectedStatuses: ['todo', 'done', 'in_progress'] })],
          [2, () => change(issue, { title: text() })],
          [1, () => change(issue, { title: text(), status: pick(['todo', 'in_progress', 'in_review', 'done']) })],
          [1, () => post('comment', `${issue}/comments`, { body: `${text()} @${pick(agents).name}` })],
          [1, () => post('release', `${issue}/release`)],
          [1, () => post('claim', `/api/companies/${companyId}/issues/claim`, { statuses: ['todo', 'in_review'] })],
          [1, () => finish(run, pick(['succeeded', 'failed']))],
        ],
        chance,
      )
      return as(run.token, wish)
    },
    issue: issueFor,
    create,
    open: (agentId, key, about) => as(key, post('open', `/api/agents/${agentId}/runs`, about)),
    checkout: ({ agentId, token }, issueId) =>
      as(
        token,
        post('checkout', `/api/issues/${issueId}/checkout`, { agentId, expectedStatuses: ['todo', 'blocked', 'in_review', 'in_progress'] }),
      ),
    patch: ({ token }, issueId) => as(token, change(`/api/issues/${issueId}`, { title: text() })),
    finish,
    force,
    remember(runId) {
      recentRuns.push(runId)
      if (recentRuns.length > MOST_RECENT) recentRuns.shift()
    },
  }
}
