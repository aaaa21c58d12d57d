import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { dice } from '../testing/dice.ts'
import type { Dice } from '../testing/dice.ts'
import type { Findings } from './laws.ts'
import type { Executed, Ledger } from './ledger.ts'
import { isAccepted } from './requests.ts'
import type { Deed, Requests, Wish } from './requests.ts'
import type { Actor, Nature, Scene } from './scene.ts'

/** People at the board, and how long each thinks between two requests. */
const BOARDS = 6
const THINKS_MS = { least: 20, most: 110 }
/** Agents that live elsewhere think longer: their runs are to last a while. */
const EXTERNAL_THINKS_MS = 60
/** How often the ledger is looked into for runs that have begun. */
const LEDGER_EVERY_MS = 40
/** Of the runs that have time for it, this part acts while its command sleeps. */
const ACTS = 0.7
/** Issues that are made on the way; a company of thousands is not what is tortured here. */
const MOST_COLD = 120
/** Agents at pause at once: most are to work. */
const MOST_PAUSED = 5
/** Silent runs ask for the shortest lease there is, and come back this much later than it ends. */
const SILENT_LEASE_S = 30
const SILENT_MORE_MS = { least: 3000, most: 12_000 }

/** Everything that happens to the company while it is tortured. */
export interface Load {
  /** Asks for nothing more; resolves when the last answer is in. */
  stop(): Promise<void>
}

interface Run {
  readonly id: string
  readonly agentId: string
  readonly token: string
  /** What it was started for. */
  readonly issueId: string | null
}

const actsWhileItRuns: ReadonlySet<Nature> = new Set(['working', 'hanging', 'deaf'])

export function startLoad(requests: Requests, scene: Scene, ledger: Ledger, seed: number, findings: Findings): Load {
  const { companyId, agents, hot, cold } = scene
  const natureOf = new Map(agents.map((agent) => [agent.id, agent]))
  const stopping = new AbortController()
  // Everybody who waits listens.
  setMaxListeners(0, stopping.signal)
  const { signal } = stopping
  const recentRuns: string[] = []
  const paused: string[] = []
  const acting = new Set<Promise<unknown>>()
  let words = 0

  const think = (ms: number): Promise<unknown> => sleep(ms, undefined, { signal }).catch(() => {})
  const text = (): string => `Word ${(words += 1)}`
  const board = (name: string, method: Wish['method'], path: string, body?: object): Wish => ({
    name,
    method,
    path,
    ...(body === undefined ? {} : { body }),
  })
  const issueFor = (chance: Dice): string => (chance.roll() < 0.7 || cold.length === 0 ? chance.pick(hot) : chance.pick(cold))

  /** What somebody at the board does next: mostly what makes agents run. */
  const boardWish = (chance: Dice): Wish => {
    const { roll, pick } = chance
    const issue = `/api/issues/${issueFor(chance)}`
    const agent = pick(agents)
    const choices: readonly (readonly [weight: number, wish: () => Wish])[] = [
      [26, () => board('invoke', 'POST', `/api/agents/${agent.id}/heartbeat/invoke`)],
      [14, () => board('wakeup', 'POST', `/api/agents/${agent.id}/wakeup`, { payload: { issueId: issue.slice(12) } })],
      [14, () => board('patch', 'PATCH', issue, { title: text(), assigneeAgentId: agent.id, status: 'todo' })],
      [3, () => board('patch', 'PATCH', issue, { title: text(), status: pick(['todo', 'in_review', 'done', 'blocked']) })],
      [1, () => board('patch', 'PATCH', issue, { title: text(), comment: text(), interrupt: true })],
      [8, () => board('comment', 'POST', `${issue}/comments`, { body: `${text()} @${agent.name} and @${pick(agents).name}` })],
      [6, () => board('comment', 'POST', `${issue}/comments`, { body: text(), reopen: roll() < 0.5 })],
      [3, () => createWish(chance)],
      [4, () => board('force', 'POST', `${issue}/admin/force-release?clearAssignee=${roll() < 0.5}`, { cancelRun: roll() < 0.3 })],
      [2, () => board('release', 'POST', `${issue}/release`)],
      [3, () => board('checkout', 'POST', `${issue}/checkout`, { agentId: agent.id, expectedStatuses: ['todo', 'blocked'] })],
      [recentRuns.length === 0 ? 0 : 4, () => board('cancel', 'POST', `/api/heartbeat-runs/${pick(recentRuns)}/cancel`)],
      [2, () => standWish(chance)],
    ]
    let left = roll() * choices.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, wish] of choices) {
      left -= weight
      if (left < 0) return wish()
    }
    return board('comment', 'POST', `${issue}/comments`, { body: text() })
  }

  const createWish = ({ roll, pick }: Dice): Wish =>
    board('create', 'POST', `/api/companies/${companyId}/issues`, {
      title: text(),
      status: 'todo',
      priority: pick(['critical', 'high', 'medium', 'low']),
      ...(roll() < 0.5 ? { assigneeAgentId: pick(agents).id } : {}),
    })

  const standWish = (chance: Dice): Wish => {
    const resumed = paused.length >= MOST_PAUSED || (paused.length > 0 && chance.roll() < 0.5) ? paused.shift() : undefined
    if (resumed !== undefined) return board('resume', 'POST', `/api/agents/${resumed}/resume`)
    const { id } = chance.pick(agents)
    paused.push(id)
    return board('pause', 'POST', `/api/agents/${id}/pause`)
  }

  const remember = (id: string): void => {
    recentRuns.push(id)
    if (recentRuns.length > 60) recentRuns.shift()
  }

  const liveAsBoard = async (chance: Dice): Promise<void> => {
    while (!signal.aborted) {
      const deed = await requests.send(boardWish(chance))
      if (deed.wish.name === 'create' && isAccepted(deed) && cold.length < MOST_COLD) cold.push(deed.body.id)
      await think(THINKS_MS.least + chance.roll() * (THINKS_MS.most - THINKS_MS.least))
    }
  }

  /** What an agent in a run does next. */
  const runWish = (run: Run, chance: Dice): Wish => {
    const { roll, pick } = chance
    const id = run.issueId !== null && roll() < 0.6 ? run.issueId : issueFor(chance)
    const issue = `/api/issues/${id}`
    const as = (name: string, method: Wish['method'], path: string, body?: object): Wish => ({
      ...board(name, method, path, body),
      token: run.token,
    })
    const { agentId } = run
    const steps: readonly (() => Wish)[] = [
      () => as('checkout', 'POST', `${issue}/checkout`, { agentId, expectedStatuses: ['todo', 'backlog', 'in_review', 'blocked'] }),
      () => as('checkout', 'POST', `${issue}/checkout`, { agentId, expectedStatuses: ['todo', 'done', 'in_progress'] }),
      () => as('patch', 'PATCH', issue, { title: text() }),
      () => as('patch', 'PATCH', issue, { title: text() }),
      () => as('patch', 'PATCH', issue, { title: text(), status: pick(['todo', 'in_progress', 'in_review', 'done']) }),
      () => as('comment', 'POST', `${issue}/comments`, { body: `${text()} @${pick(agents).name}` }),
      () => as('release', 'POST', `${issue}/release`),
      () => as('claim', 'POST', `/api/companies/${companyId}/issues/claim`, { statuses: ['todo', 'in_review'] }),
      () => as('finish', 'POST', `/api/heartbeat-runs/${run.id}/finish`, { status: pick(['succeeded', 'failed']) }),
    ]
    return pick(steps)()
  }

  /** Acts as a run whose command sleeps meanwhile. */
  const actAs = async (executed: Executed, agent: Actor, chance: Dice): Promise<void> => {
    const run: Run = { id: executed.runId, agentId: agent.id, token: executed.token, issueId: executed.issueId }
    for (let steps = 1 + Math.floor(chance.roll() * 3); steps > 0; steps -= 1) {
      const deed = await requests.send(runWish(run, chance))
      if (deed.status === 401 || deed.wish.name === 'finish') return
    }
  }

  const readLedger = async (chance: Dice): Promise<void> => {
    while (!signal.aborted) {
      for (const executed of ledger.read()) {
        remember(executed.runId)
        const agent = natureOf.get(agentIn(executed.token))
        if (agent === undefined || !actsWhileItRuns.has(agent.nature) || chance.roll() > ACTS) continue
        const deeds = actAs(executed, agent, chance).finally(() => acting.delete(deeds))
        acting.add(deeds)
      }
      await think(LEDGER_EVERY_MS)
    }
  }

  const open = async (agent: Actor, about: object): Promise<Run | null> => {
    const deed = await requests.send({ name: 'open', method: 'POST', path: `/api/agents/${agent.id}/runs`, body: about, token: agent.key })
    if (!isAccepted(deed)) return null
    const { run, token } = deed.body
    remember(run.id)
    return { id: run.id, agentId: agent.id, token, issueId: run.issueId }
  }

  /** An agent that lives elsewhere: opens a run, works in it until it ends one way or the other, opens the next. */
  const liveElsewhere = async (agent: Actor, chance: Dice): Promise<void> => {
    let run: Run | null = null
    while (!signal.aborted) {
      run ??= await open(agent, { leaseSeconds: 60, ...(chance.roll() < 0.5 ? { issueId: issueFor(chance) } : {}) })
      if (run !== null) {
        const deed: Deed = await requests.send(runWish(run, chance))
        if (deed.status === 401 || deed.wish.name === 'finish') run = null
      }
      await think(EXTERNAL_THINKS_MS * (1 + chance.roll()))
    }
  }

  const checkoutBy = (run: Run, issueId: string): Promise<Deed> =>
    requests.send({
      name: 'checkout',
      method: 'POST',
      path: `/api/issues/${issueId}/checkout`,
      body: { agentId: run.agentId, expectedStatuses: ['todo', 'blocked', 'in_review', 'in_progress'] },
      token: run.token,
    })
  const patchBy = (run: Run, issueId: string): Promise<Deed> =>
    requests.send({ name: 'patch', method: 'PATCH', path: `/api/issues/${issueId}`, body: { title: text() }, token: run.token })

  /** Takes an issue of the agent's own, another one when it has lost the last. */
  const takeOwn = async (run: Run, lastIssueId: string | null): Promise<string | null> => {
    if (lastIssueId !== null && isAccepted(await checkoutBy(run, lastIssueId))) return lastIssueId
    const own = await requests.send(
      board('create', 'POST', `/api/companies/${companyId}/issues`, { title: text(), status: 'todo', assigneeAgentId: run.agentId }),
    )
    return isAccepted(own) && isAccepted(await checkoutBy(run, own.body.id)) ? own.body.id : null
  }

  /** An agent that takes an issue, is silent until long after its lease, and comes back as if nothing had happened. */
  const liveSilently = async (agent: Actor, chance: Dice): Promise<void> => {
    let issueId: string | null = null
    while (!signal.aborted) {
      const run = await open(agent, { leaseSeconds: SILENT_LEASE_S })
      issueId = run === null ? null : await takeOwn(run, issueId)
      await think(
        issueId === null ? EXTERNAL_THINKS_MS : SILENT_LEASE_S * 1000 + SILENT_MORE_MS.least + chance.roll() * SILENT_MORE_MS.most,
      )
      if (signal.aborted || run === null || issueId === null) continue
      if (isAccepted(await patchBy(run, issueId)))
        findings.fault('live', `run ${run.id} was silent beyond its lease, and its PATCH was accepted`)
    }
  }

  /** An agent that loses its issue by decree again and again, and never believes it. */
  const rebel = async (agent: Actor, chance: Dice): Promise<void> => {
    let issueId: string | null = null
    while (!signal.aborted) {
      const run = await open(agent, { leaseSeconds: 60 })
      issueId = run === null ? null : await takeOwn(run, issueId)
      if (run !== null && issueId !== null) await defy(run, issueId, chance)
      await think(EXTERNAL_THINKS_MS * 4)
    }
  }

  const defy = async (run: Run, issueId: string, chance: Dice): Promise<void> => {
    const decree = `/api/issues/${issueId}/admin/force-release?clearAssignee=${chance.roll() < 0.5}`
    if (!isAccepted(await requests.send(board('force', 'POST', decree, {})))) return
    for (const deed of [await patchBy(run, issueId), await checkoutBy(run, issueId)])
      if (isAccepted(deed))
        findings.fault('evicted', `${deed.wish.name} of issue ${issueId} was accepted from run ${run.id}, which had lost it`)
    const finish = `/api/heartbeat-runs/${run.id}/finish`
    await requests.send({ ...board('finish', 'POST', finish, { status: 'failed' }), token: run.token })
  }

  const elsewhere = agents.filter((agent) => agent.nature === 'external')
  const lives = [
    ...Array.from({ length: BOARDS }, (_, index) => liveAsBoard(dice(seed + index))),
    readLedger(dice(seed + 100)),
    ...elsewhere.map((agent, index) => {
      const chance = dice(seed + 200 + index)
      if (index % 4 === 0) return liveSilently(agent, chance)
      return index % 4 === 1 ? rebel(agent, chance) : liveElsewhere(agent, chance)
    }),
  ]
  return {
    async stop() {
      stopping.abort()
      await Promise.all(lives)
      await Promise.all(acting)
    },
  }
}

/** The agent that a run's token is for; what it is signed with is the server's business. */
function agentIn(token: string): string {
  const [, claims = ''] = token.split('.')
  try {
    return String((JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { sub?: unknown }).sub)
  } catch {
    return ''
  }
}
