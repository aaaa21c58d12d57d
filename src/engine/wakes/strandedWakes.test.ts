import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { startQueuedRun } from '../../control/dispatch/index.ts'
import { finishSupervisedRun } from '../../control/execution/index.ts'
import type { StartOrder } from '../../control/dispatch/index.ts'
import { reap } from '../../scheduler/reap.ts'
import { isFullCheck } from '../../dev/testing/fullCheck.ts'
import { seededRandom } from '../../dev/testing/seededRandom.ts'
import { createProcessAgent } from '../../dev/testing/runner.ts'
import { keyClientForRun } from '../../dev/testing/holds.ts'
import { expireLease, useServer, world } from '../../dev/testing/world.ts'
import type { Answer, TestAgent, TestRun } from '../../dev/testing/world.ts'

const server = useServer()
const board = () => server().board

const STEPS = 250
const SLOW_MS = 180_000

/** Wakes that neither get a run nor end, and live runs whose wake has ended. */
const stranded = `
  select 'waits for no run' as what, w.id from wakes w join issues i on i.id = w.issue_id
  where w.company_id = $1 and w.status = 'deferred_issue_execution'
    and not exists (select 1 from heartbeat_runs r where r.id in (i.checkout_run_id, i.execution_run_id)
      and r.status in ('queued', 'running'))
    and not exists (select 1 from heartbeat_runs r where r.issue_id = i.id and r.status in ('queued', 'running'))
  union all
  select 'open with an ended run', w.id from wakes w
  where w.company_id = $1 and w.status in ('queued', 'claimed') and not exists (
    select 1 from heartbeat_runs r where r.id = w.run_id and r.wakeup_request_id = w.id
      and r.status = case w.status when 'queued' then 'queued' else 'running' end)
  union all
  select 'a live run whose wake has ended', r.id from heartbeat_runs r
  where r.company_id = $1 and r.status in ('queued', 'running') and r.wakeup_request_id is not null
    and exists (select 1 from wakes w where w.id = r.wakeup_request_id and (w.run_id is distinct from r.id or w.status not in ('queued', 'claimed')))`

type Steps = Record<string, () => Promise<unknown>>

async function createScenario({ seed, lanes }: { seed: number; lanes: number }) {
  const { pick, next: roll } = seededRandom(seed)
  const here = await world(server())
  const agents = [await createProcessAgent(here, ''), await createProcessAgent(here, '', { maxConcurrentRuns: 3 })]
  for (let count = 0; count < 4; count += 1) agents.push(await here.agent())
  const issues = [await here.issue(), await here.issue()]
  const orders: StartOrder[] = []
  const opened: TestRun[] = []
  return {
    here,
    agents,
    issues,
    orders,
    opened,
    lanes,
    pick,
    chance: (probability: number): boolean => roll() < probability,
    path: () => `/api/issues/${pick(issues).id}`,
  }
}
type Scenario = Awaited<ReturnType<typeof createScenario>>

async function open({ opened }: Scenario, agent: TestAgent, fields: object): Promise<TestRun | null> {
  const answer: Answer = await agent.client.post(`/api/agents/${agent.id}/runs`, fields)
  if (answer.status !== 201) return null
  const { run, token } = answer.body
  const opening: TestRun = { id: run.id, agentId: agent.id, token, client: server().bearer(token) }
  opened.push(opening)
  return opening
}

const boardSteps = ({ here, agents, issues, pick, chance, path }: Scenario): Steps => ({
  comment: () => board().post(`${path()}/comments`, { body: chance(0.5) ? 'Well?' : `@${pick(agents).name}?` }),
  assign: () => board().patch(path(), { assigneeAgentId: chance(0.2) ? null : pick(agents).id }),
  move: () => board().patch(path(), { status: pick(['todo', 'backlog', 'in_review', 'in_progress', 'blocked', 'done']) }),
  interrupt: () => board().patch(path(), { interrupt: true, comment: 'Stop' }),
  block: () => board().patch(path(), { blockedByIssueIds: chance(0.5) ? [] : [pick(issues).id] }),
  release: () => board().post(`${path()}/release`),
  forceRelease: () => board().post(`${path()}/admin/force-release?clearAssignee=${chance(0.5)}`, { cancelRun: chance(0.5) }),
  boardCheckout: () =>
    board().post(`${path()}/checkout`, { agentId: pick(agents).id, expectedStatuses: ['todo', 'in_progress', 'in_review'] }),
  wakeup: () => board().post(`/api/agents/${pick(agents).id}/wakeup`, { payload: { issueId: pick(issues).id } }),
  pause: () => board().post(`/api/agents/${pick(agents).id}/pause`),
  resume: () => board().post(`/api/agents/${pick(agents).id}/resume`),
  async cancel() {
    const { rows } = await server().database.sql.query<{ id: string }>(
      "select id from heartbeat_runs where company_id = $1 and status in ('queued', 'running') order by created_at, id",
      [here.company.id],
    )
    if (rows.length > 0) await board().post(`/api/heartbeat-runs/${pick(rows).id}/cancel`)
  },
})

const runSteps = (scenario: Scenario): Steps => {
  const { here, agents, issues, orders, opened, pick, chance, path } = scenario
  return {
    async claim() {
      const agent = pick(agents)
      const claim = await startQueuedRun(server().store, randomUUID(), ['process'], { agentId: agent.id, companyId: here.company.id })
      if (claim.kind === 'claimed') orders.push(claim.order)
    },
    async conclude() {
      if (orders.length === 0) return
      const order = pick(orders)
      orders.splice(orders.indexOf(order), 1)
      await finishSupervisedRun(server().store, order, { status: pick(['succeeded', 'failed', 'cancelled']), retryable: chance(0.3) }, null)
    },
    open: () => open(scenario, pick(agents), chance(0.5) ? { issueId: pick(issues).id } : {}),
    async work() {
      if (opened.length === 0) return
      const run = pick(opened)
      const agent = agents.find(({ id }) => id === run.agentId)
      if (chance(0.7)) await here.checkout(run, pick(issues).id)
      else if (chance(0.5)) await run.client.patch(path(), { status: pick(['in_review', 'done', 'in_progress']) })
      else if (agent !== undefined) await keyClientForRun(agent, run).post(`${path()}/release`)
    },
  }
}

const crowdSteps = (scenario: Scenario): Steps => {
  const { here, agents, issues, opened, lanes, pick } = scenario
  return {
    /** One agent works on an issue for which others wait. */
    async crowd() {
      const { id } = pick(issues)
      await board().post(`/api/issues/${id}/admin/force-release?clearAssignee=true`, { cancelRun: true })
      await board().patch(`/api/issues/${id}`, { status: 'todo', assigneeAgentId: null, assigneeUserId: null, blockedByIssueIds: [] })
      const holder = pick(agents)
      await board().post(`/api/agents/${holder.id}/resume`)
      const run = await open(scenario, holder, { issueId: id })
      const taken = run === null ? null : await here.checkout(run, id)
      if (lanes === 1) expect(taken?.status).toBe(200)
      for (const { id: agentId } of [pick(agents), pick(agents), pick(agents)]) {
        await board().post(`/api/agents/${agentId}/resume`)
        await board().post(`/api/agents/${agentId}/wakeup`, { payload: { issueId: id } })
      }
    },
    async finish() {
      if (opened.length === 0) return
      const run = pick(opened)
      opened.splice(opened.indexOf(run), 1)
      await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: pick(['succeeded', 'failed']) })
    },
  }
}

/** @param others the steps of which one may come between the loss of a run and the reaper */
const lossSteps = ({ here, agents, issues, pick, chance, path }: Scenario, others: Steps): Steps => ({
  async lose() {
    const { rows } = await server().database.sql.query<{ id: string }>(
      "select id from heartbeat_runs where company_id = $1 and status in ('queued', 'running') order by created_at, id",
      [here.company.id],
    )
    if (rows.length === 0) return
    await expireLease(server(), pick(rows).id)
    // Another step may come before the reaper.
    if (chance(0.5)) await others[pick(['comment', 'wakeup', 'work', 'assign', 'claim'])]?.()
    await reap(server().store)
  },
  async deleteIssue() {
    if (chance(0.8)) return
    await board().del(path())
    const all = (await board().get(`/api/companies/${here.company.id}/issues`)).body as { id: string; identifier: string }[]
    const more = await here.issue()
    issues.splice(0, issues.length, ...all, more)
  },
  async deleteAgent() {
    if (chance(0.8)) return
    const agent = pick(agents)
    agents.splice(agents.indexOf(agent), 1, chance(0.5) ? await createProcessAgent(here, '') : await here.agent())
    return await board().del(`/api/agents/${agent.id}`)
  },
})

// The steps that make agents wait for each other must be frequent, or no wake can be stranded.
const frequent = ['crowd', 'claim', 'conclude', 'resume', 'cancel', 'release']

test.each([
  { seed: 6, lanes: 1 },
  { seed: 1, lanes: 5 },
  ...(isFullCheck
    ? [
        { seed: 11, lanes: 1 },
        { seed: 2, lanes: 5 },
      ]
    : []),
])(
  'No wake is stranded by random changes of issues, agents and runs: $lanes at a time, seed $seed',
  { timeout: SLOW_MS },
  async ({ seed, lanes }) => {
    const scenario = await createScenario({ seed, lanes })
    const { here, pick, chance } = scenario
    const others = { ...boardSteps(scenario), ...runSteps(scenario), ...crowdSteps(scenario) }
    const steps = { ...others, ...lossSteps(scenario, others) }
    const done: string[] = []
    const lane = async (): Promise<void> => {
      while (done.length < STEPS) await oneStep()
    }
    const oneStep = async (): Promise<void> => {
      const step = chance(0.5) ? pick(frequent) : pick(Object.keys(steps))
      done.push(step)
      const answer = await steps[step]?.()
      expect((answer as Partial<Answer> | null | undefined)?.status ?? 200, step).toBeLessThan(500)
      if (lanes === 1) await expectNoneStranded()
    }
    const expectNoneStranded = async (): Promise<void> => {
      const { rows } = await server().database.sql.query(stranded, [here.company.id])
      expect(rows, `after ${done.length} steps, the last of them ${done.slice(-8).join(', ')}`).toEqual([])
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    await expectNoneStranded()
  },
)
