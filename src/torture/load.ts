import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { dice } from '../testing/dice.ts'
import type { Dice } from '../testing/dice.ts'
import type { Findings } from './laws.ts'
import type { Executed, Ledger } from './ledger.ts'
import { isAccepted } from './requests.ts'
import type { Requests } from './requests.ts'
import type { Actor, Nature, Scene } from './scene.ts'
import { createWishes } from './wishes.ts'
import type { Run } from './wishes.ts'

/** People at the board, and how long each thinks between two requests. */
const BOARDS = 6
const THINKS_MS = { least: 20, most: 110 }
/** Agents that live elsewhere think longer: their runs are to last a while. */
const EXTERNAL_THINKS_MS = 60
const EXTERNAL_LEASE_S = 60
/** How often the ledger is looked into for runs that have begun. */
const LEDGER_EVERY_MS = 40
/** Of the runs that have time for it, this part acts while its command sleeps. */
const ACTS = 0.7
/** Issues that are made on the way; a company of thousands is not what is tortured here. */
const MOST_COLD = 120
/** Silent runs ask for the shortest lease there is, and come back this much later than it ends. */
const SILENT_LEASE_S = 30
const SILENT_MORE_MS = { least: 3000, most: 12_000 }

/** Everything that happens to the company while it is tortured. */
export interface Load {
  /** Asks for nothing more; resolves when the last answer is in. */
  stop(): Promise<void>
}

export interface LoadOptions {
  readonly requests: Requests
  readonly scene: Scene
  readonly ledger: Ledger
  readonly seed: number
  readonly findings: Findings
}

const actsWhileItRuns: ReadonlySet<Nature> = new Set(['working', 'hanging', 'deaf'])

/** Lets the board, the runs of the servers and the agents that live elsewhere loose. */
export function startLoad({ requests: { send }, scene, ledger, seed, findings }: LoadOptions): Load {
  const { agents, cold } = scene
  const agentById = new Map(agents.map((agent) => [agent.id, agent]))
  const wishes = createWishes(scene)
  const stopping = new AbortController()
  const { signal } = stopping
  // Everybody who waits listens.
  setMaxListeners(0, signal)
  const think = (ms: number): Promise<unknown> => sleep(ms, undefined, { signal }).catch(() => {})

  const liveAsBoard = async (chance: Dice): Promise<void> => {
    while (!signal.aborted) {
      const deed = await send(wishes.ofBoard(chance))
      if (deed.wish.name === 'create' && isAccepted(deed) && cold.length < MOST_COLD) cold.push(deed.body.id)
      await think(THINKS_MS.least + chance.roll() * (THINKS_MS.most - THINKS_MS.least))
    }
  }

  /** Acts as a run whose command sleeps meanwhile. */
  const actAs = async ({ runId, issueId, token }: Executed, agentId: string, chance: Dice): Promise<void> => {
    for (let steps = 1 + Math.floor(chance.roll() * 3); steps > 0; steps -= 1) {
      const deed = await send(wishes.ofRun({ id: runId, agentId, token, issueId }, chance))
      if (deed.status === 401 || deed.wish.name === 'finish') return
    }
  }

  const acting = new Set<Promise<unknown>>()
  const readLedger = async (chance: Dice): Promise<void> => {
    while (!signal.aborted) {
      for (const executed of ledger.read()) {
        wishes.remember(executed.runId)
        const agent = agentById.get(agentIn(executed.token))
        if (agent === undefined || !actsWhileItRuns.has(agent.nature) || chance.roll() > ACTS) continue
        const deeds = actAs(executed, agent.id, chance).finally(() => acting.delete(deeds))
        acting.add(deeds)
      }
      await think(LEDGER_EVERY_MS)
    }
    await Promise.all(acting)
  }

  const open = async (agent: Actor, about: object): Promise<Run | null> => {
    const deed = await send(wishes.open(agent.id, agent.key, about))
    if (!isAccepted(deed)) return null
    const { run, token } = deed.body
    wishes.remember(run.id)
    return { id: run.id, agentId: agent.id, token, issueId: run.issueId }
  }

  /** An agent that opens a run, works in it until it ends one way or the other, and opens the next. */
  const work = async (agent: Actor, chance: Dice): Promise<void> => {
    let run: Run | null = null
    while (!signal.aborted) {
      const about = chance.roll() < 0.5 ? { issueId: wishes.issue(chance) } : {}
      run ??= await open(agent, { leaseSeconds: EXTERNAL_LEASE_S, ...about })
      const deed = run === null ? null : await send(wishes.ofRun(run, chance))
      if (deed?.status === 401 || deed?.wish.name === 'finish') run = null
      await think(EXTERNAL_THINKS_MS * (1 + chance.roll()))
    }
  }

  /** Takes an issue of the agent's own, another one when it has lost the last. */
  const takeOwn = async (run: Run, lastIssueId: string | null): Promise<string | null> => {
    if (lastIssueId !== null && isAccepted(await send(wishes.checkout(run, lastIssueId)))) return lastIssueId
    const own = await send(wishes.create({ assigneeAgentId: run.agentId }))
    return isAccepted(own) && isAccepted(await send(wishes.checkout(run, own.body.id))) ? own.body.id : null
  }

  /** An agent that takes an issue, is silent until long after its lease, and comes back as if nothing had happened. */
  const fallSilent = async (agent: Actor, chance: Dice): Promise<void> => {
    let issueId: string | null = null
    while (!signal.aborted) {
      const run = await open(agent, { leaseSeconds: SILENT_LEASE_S })
      issueId = run === null ? null : await takeOwn(run, issueId)
      await think(
        issueId === null ? EXTERNAL_THINKS_MS : SILENT_LEASE_S * 1000 + SILENT_MORE_MS.least + chance.roll() * SILENT_MORE_MS.most,
      )
      if (signal.aborted || run === null || issueId === null) continue
      if (isAccepted(await send(wishes.patch(run, issueId))))
        findings.fault('live', `run ${run.id} was silent beyond its lease, and its PATCH was accepted`)
    }
  }

  /** An agent that loses its issue by decree again and again, and never believes it. */
  const rebel = async (agent: Actor, chance: Dice): Promise<void> => {
    let issueId: string | null = null
    while (!signal.aborted) {
      const run = await open(agent, { leaseSeconds: EXTERNAL_LEASE_S })
      issueId = run === null ? null : await takeOwn(run, issueId)
      if (run !== null && issueId !== null) await defy(run, issueId, chance)
      await think(EXTERNAL_THINKS_MS * 4)
    }
  }

  const defy = async (run: Run, issueId: string, chance: Dice): Promise<void> => {
    if (!isAccepted(await send(wishes.force(issueId, chance.roll() < 0.5, {})))) return
    for (const wish of [wishes.patch(run, issueId), wishes.checkout(run, issueId)])
      if (isAccepted(await send(wish)))
        findings.fault('evicted', `${wish.name} of issue ${issueId} was accepted from run ${run.id}, which had lost it`)
    await send(wishes.finish(run, 'failed'))
  }

  const ways = [fallSilent, rebel, work, work] as const
  const elsewhere = agents.filter((agent) => agent.nature === 'external')
  const lives = [
    ...Array.from({ length: BOARDS }, (_, index) => liveAsBoard(dice(seed + index))),
    readLedger(dice(seed + 100)),
    ...elsewhere.map((agent, index) => (ways[index % ways.length] ?? work)(agent, dice(seed + 200 + index))),
  ]
  return {
    async stop() {
      stopping.abort()
      await Promise.all(lives)
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
