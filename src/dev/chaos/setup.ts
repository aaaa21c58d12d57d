import type { Body, ChaosClient } from './client.ts'
import { isAccepted } from './client.ts'

/**
 * The behaviors of agents, with their share in percent. The commands are lines of shell, because a hundred processes of
 * a larger program would load the machine instead of the server.
 */
const behaviors = {
  /** Succeeds immediately. */
  brisk: { share: 44, command: '' },
  /** Fails immediately. */
  failing: { share: 10, command: 'exit 3' },
  /** Runs for some tenths of a second. The load sends requests for the run in that time. */
  working: { share: 26, command: 'sleep 0.$(( $$ % 5 + 2 ))' },
  /** Ignores SIGTERM. */
  deaf: { share: 4, command: 'sleep 8' },
  /** Sleeps for minutes, so that its process exists when its server is killed. */
  hanging: { share: 6, command: 'sleep 150' },
  /** Has no command. The load opens runs with the agent's API key. */
  external: { share: 10, command: null },
} as const
export type Behavior = keyof typeof behaviors

export interface ChaosAgent {
  readonly id: string
  readonly name: string
  readonly behavior: Behavior
  /** The API key of an external agent; empty for every other agent. */
  readonly key: string
}

/** A company under test. */
export interface Setup {
  readonly companyId: string
  /** Whether it has limits that its agents cross. */
  readonly hasBudgets: boolean
  readonly agents: readonly ChaosAgent[]
  /** Issues for which all agents compete. */
  readonly hot: readonly string[]
  /** All other issues. The load adds the issues that it creates. */
  readonly cold: string[]
}

const HOT_ISSUES = 6
const COLD_ISSUES = 24
/** Concurrent requests during setup. */
const SETUP_CONCURRENCY = 8
/** Concurrent runs of every third agent. */
const MAX_CONCURRENT_RUNS = 3

/** The limits of a company with budgets in the beginning, and by how much one is raised, in cents: so small that each is crossed again and again. */
export const BASE_CENTS = { company: 100, agent: 30, project: 60 } as const
/** The part that a run reserves of each, in cents. A company then has at most ten runs at once, so that many compete for the last part. */
const RESERVE_CENTS = { company: 10, agent: 8, project: 10 } as const

/** First step of every command: append the run, the uptime of the machine, the issue and the token to the execution log. */
const RECORD_EXECUTION =
  'read -r up _ < /proc/uptime; echo "$PAPERCLIP_RUN_ID $up ${PAPERCLIP_TASK_ID:--} $PAPERCLIP_API_KEY" >> "$EXECUTION_LOG"'

/** One behavior per agent, in the shares above. Each behavior occurs at least once. */
function assignBehaviors(count: number): Behavior[] {
  const names = Object.keys(behaviors) as Behavior[]
  const shares = names.flatMap((name) => Array.from({ length: Math.max(1, Math.round((behaviors[name].share * count) / 100)) }, () => name))
  return [...shares, ...Array.from({ length: count }, (): Behavior => 'brisk')].slice(0, Math.max(count, names.length))
}

async function postOrThrow(client: ChaosClient, path: string, body: object): Promise<Body> {
  const completed = await client.send({ name: 'setup', method: 'POST', path, body })
  if (!isAccepted(completed)) throw new Error(`setup failed: ${path} ${completed.status} ${JSON.stringify(completed.body)}`)
  return completed.body
}

async function inBatches<T, R>(items: readonly T[], apply: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += SETUP_CONCURRENCY)
    results.push(...(await Promise.all(items.slice(at, at + SETUP_CONCURRENCY).map((item, index) => apply(item, at + index)))))
  return results
}

export interface SetupOptions {
  readonly agents: number
  readonly hasBudgets: boolean
  readonly executionLogFile: string
  /** The value of CHAOS in the environment of every command; it identifies the processes of this chaos test. */
  readonly marker: string
}

/** Limits the company, every third agent and one project, which half of the issues are in. @returns the project */
async function createBudgets(client: ChaosClient, companyId: string, agents: readonly ChaosAgent[]): Promise<string> {
  const project = await postOrThrow(client, `/api/companies/${companyId}/projects`, { name: 'Expensive' })
  const limit = (scopeType: keyof typeof BASE_CENTS, scopeId: string) =>
    postOrThrow(client, `/api/companies/${companyId}/budgets/policies`, {
      scopeType,
      scopeId,
      amount: BASE_CENTS[scopeType],
      reserveCents: RESERVE_CENTS[scopeType],
    })
  await limit('company', companyId)
  await limit('project', project.id)
  await inBatches(
    agents.filter((_, index) => index % 3 === 0),
    ({ id }) => limit('agent', id),
  )
  return project.id
}

/** Creates a company with its agents, issues and limits through the API. */
export async function createSetup(client: ChaosClient, { agents, hasBudgets, executionLogFile, marker }: SetupOptions): Promise<Setup> {
  const company = await postOrThrow(client, '/api/companies', { name: hasBudgets ? 'Chaos Works within Limits' : 'Chaos Works' })
  const { id: companyId } = company

  const createAgent = async (behavior: Behavior, index: number): Promise<ChaosAgent> => {
    const { command } = behaviors[behavior]
    const script = [
      ...(behavior === 'deaf' ? ["trap '' TERM"] : []),
      RECORD_EXECUTION,
      ...(command === null || command === '' ? [] : [command]),
    ].join('; ')
    const row = await postOrThrow(client, `/api/companies/${companyId}/agents`, {
      name: `${behavior}${index}`,
      ...(command === null
        ? {}
        : {
            adapterType: 'process',
            adapterConfig: {
              command: '/bin/sh',
              args: ['-c', script],
              env: { EXECUTION_LOG: executionLogFile, CHAOS: marker },
              graceSec: 1,
              timeoutSec: 90,
            },
          }),
      ...(index % 3 === 0 ? { runtimeConfig: { heartbeat: { maxConcurrentRuns: MAX_CONCURRENT_RUNS } } } : {}),
    })
    const key = behavior === 'external' ? (await postOrThrow(client, `/api/agents/${row.id}/keys`, { name: 'chaos' })).token : ''
    return { id: row.id, name: row.name, behavior, key }
  }
  const createdAgents = await inBatches(assignBehaviors(agents), createAgent)
  const projectId = hasBudgets ? await createBudgets(client, companyId, createdAgents) : null
  const createIssue = async (title: string, index: number): Promise<string> => {
    const project = projectId !== null && index % 2 === 0 ? { projectId } : {}
    return (await postOrThrow(client, `/api/companies/${companyId}/issues`, { title, status: 'todo', ...project })).id
  }
  const hot = await inBatches(
    Array.from({ length: HOT_ISSUES }, (_, index) => `Hot ${index}`),
    createIssue,
  )
  const cold = await inBatches(
    Array.from({ length: COLD_ISSUES }, (_, index) => `Cold ${index}`),
    createIssue,
  )
  return { companyId, hasBudgets, agents: createdAgents, hot, cold }
}
