import type { Body, ChaosClient } from './client.ts'
import { isAccepted } from './client.ts'

/**
 * What agents are like. The commands are lines for a shell, because a hundred processes of anything bigger would torture
 * the machine instead of the server.
 */
const behaviors = {
  /** Ends at once, and well. */
  brisk: { share: 44, command: '' },
  /** Ends at once, and badly. */
  failing: { share: 10, command: 'exit 3' },
  /** Takes some tenths of a second, in which it acts. */
  working: { share: 26, command: 'sleep 0.$(( $$ % 5 + 2 ))' },
  /** Is not impressed by SIGTERM. */
  deaf: { share: 4, command: 'sleep 8' },
  /** Does nothing for minutes, so that it is there when its server is killed. */
  hanging: { share: 6, command: 'sleep 150' },
  /** Lives elsewhere and opens its runs itself. */
  external: { share: 10, command: null },
} as const
export type Behavior = keyof typeof behaviors

export interface ChaosAgent {
  readonly id: string
  readonly name: string
  readonly behavior: Behavior
  /** The API key of an agent that lives elsewhere. */
  readonly key: string
}

export interface Setup {
  readonly companyId: string
  readonly agents: readonly ChaosAgent[]
  /** Issues that everybody wants. */
  readonly hot: readonly string[]
  /** Others, to which are added those that are made on the way. */
  readonly cold: string[]
}

const HOT_ISSUES = 6
const COLD_ISSUES = 24
/** Requests at once while the scene is set. */
const SETUP_CONCURRENCY = 8
/** Every third agent may have several runs at once. */
const MAX_CONCURRENT_RUNS = 3

/** What every command writes first: its run, when it was started by the clock of the machine, its issue and its token. */
const RECORD_EXECUTION = 'read -r up _ < /proc/uptime; echo "$PAPERCLIP_RUN_ID $up ${PAPERCLIP_TASK_ID:--} $PAPERCLIP_API_KEY" >> "$LEDGER"'

/** As many natures as there are agents, in the proportions above; of each at least one. */
function assignBehaviors(count: number): Behavior[] {
  const names = Object.keys(behaviors) as Behavior[]
  const shares = names.flatMap((name) => Array.from({ length: Math.max(1, Math.round((behaviors[name].share * count) / 100)) }, () => name))
  return [...shares, ...Array.from({ length: count }, (): Behavior => 'brisk')].slice(0, Math.max(count, names.length))
}

async function postOrThrow(client: ChaosClient, path: string, body: object): Promise<Body> {
  const completed = await client.send({ name: 'scene', method: 'POST', path, body })
  if (!isAccepted(completed)) throw new Error(`the scene cannot be set: ${path} ${completed.status} ${JSON.stringify(completed.body)}`)
  return completed.body
}

async function inBatches<T, R>(items: readonly T[], apply: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += SETUP_CONCURRENCY)
    results.push(...(await Promise.all(items.slice(at, at + SETUP_CONCURRENCY).map((item, index) => apply(item, at + index)))))
  return results
}

/**
 * A company with its agents and issues, made through the API.
 * @param marker stands in the environment of every command, by which the processes of this torture are told from others
 */
export async function createSetup(client: ChaosClient, agents: number, executionLogFile: string, marker: string): Promise<Setup> {
  const company = await postOrThrow(client, '/api/companies', { name: 'Tortured Works' })
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
              env: { LEDGER: executionLogFile, TORTURE: marker },
              graceSec: 1,
              timeoutSec: 90,
            },
          }),
      ...(index % 3 === 0 ? { runtimeConfig: { heartbeat: { maxConcurrentRuns: MAX_CONCURRENT_RUNS } } } : {}),
    })
    const key = behavior === 'external' ? (await postOrThrow(client, `/api/agents/${row.id}/keys`, { name: 'torture' })).token : ''
    return { id: row.id, name: row.name, behavior, key }
  }
  const createIssue = async (title: string): Promise<string> =>
    (await postOrThrow(client, `/api/companies/${companyId}/issues`, { title, status: 'todo' })).id

  const createdAgents = await inBatches(assignBehaviors(agents), createAgent)
  const hot = await inBatches(
    Array.from({ length: HOT_ISSUES }, (_, index) => `Hot ${index}`),
    createIssue,
  )
  const cold = await inBatches(
    Array.from({ length: COLD_ISSUES }, (_, index) => `Cold ${index}`),
    createIssue,
  )
  return { companyId, agents: createdAgents, hot, cold }
}
