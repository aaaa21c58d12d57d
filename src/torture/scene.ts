import type { Body, Requests } from './requests.ts'
import { isAccepted } from './requests.ts'

/**
 * What agents are like. The commands are lines for a shell, because a hundred processes of anything bigger would torture
 * the machine instead of the server.
 */
const natures = {
  /** Ends at once, and well. */
  brisk: { share: 44, does: '' },
  /** Ends at once, and badly. */
  failing: { share: 10, does: 'exit 3' },
  /** Takes some tenths of a second, in which it acts. */
  working: { share: 26, does: 'sleep 0.$(( $$ % 5 + 2 ))' },
  /** Is not impressed by SIGTERM. */
  deaf: { share: 4, does: 'sleep 8' },
  /** Does nothing for minutes, so that it is there when its server is killed. */
  hanging: { share: 6, does: 'sleep 150' },
  /** Lives elsewhere and opens its runs itself. */
  external: { share: 10, does: null },
} as const
export type Nature = keyof typeof natures

export interface Actor {
  readonly id: string
  readonly name: string
  readonly nature: Nature
  /** The API key of an agent that lives elsewhere. */
  readonly key: string
}

export interface Scene {
  readonly companyId: string
  readonly agents: readonly Actor[]
  /** Issues that everybody wants. */
  readonly hot: readonly string[]
  /** Others, to which are added those that are made on the way. */
  readonly cold: string[]
}

const HOT_ISSUES = 6
const COLD_ISSUES = 24
/** Requests at once while the scene is set. */
const AT_ONCE = 8
/** Every third agent may have several runs at once. */
const MAX_CONCURRENT = 3

/** What every command writes first: its run, when it was started by the clock of the machine, its issue and its token. */
const FIRST_LINE = 'read -r up _ < /proc/uptime; echo "$PAPERCLIP_RUN_ID $up ${PAPERCLIP_TASK_ID:--} $PAPERCLIP_API_KEY" >> "$LEDGER"'

/** As many natures as there are agents, in the proportions above; of each at least one. */
function castOf(count: number): Nature[] {
  const names = Object.keys(natures) as Nature[]
  const shares = names.flatMap((name) => Array.from({ length: Math.max(1, Math.round((natures[name].share * count) / 100)) }, () => name))
  return [...shares, ...Array.from({ length: count }, (): Nature => 'brisk')].slice(0, Math.max(count, names.length))
}

async function created(requests: Requests, path: string, body: object): Promise<Body> {
  const deed = await requests.send({ name: 'scene', method: 'POST', path, body })
  if (!isAccepted(deed)) throw new Error(`the scene cannot be set: ${path} ${deed.status} ${JSON.stringify(deed.body)}`)
  return deed.body
}

async function inTurns<T, R>(items: readonly T[], act: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += AT_ONCE)
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map((item, index) => act(item, at + index)))))
  return results
}

/**
 * A company with its agents and issues, made through the API.
 * @param mark stands in the environment of every command, by which the processes of this torture are told from others
 */
export async function setScene(requests: Requests, agents: number, ledger: string, mark: string): Promise<Scene> {
  const company = await created(requests, '/api/companies', { name: 'Tortured Works' })
  const { id: companyId } = company

  const hire = async (nature: Nature, index: number): Promise<Actor> => {
    const { does } = natures[nature]
    const script = [...(nature === 'deaf' ? ["trap '' TERM"] : []), FIRST_LINE, ...(does === null || does === '' ? [] : [does])].join('; ')
    const row = await created(requests, `/api/companies/${companyId}/agents`, {
      name: `${nature}${index}`,
      ...(does === null
        ? {}
        : {
            adapterType: 'process',
            adapterConfig: {
              command: '/bin/sh',
              args: ['-c', script],
              env: { LEDGER: ledger, TORTURE: mark },
              graceSec: 1,
              timeoutSec: 90,
            },
          }),
      ...(index % 3 === 0 ? { runtimeConfig: { heartbeat: { maxConcurrentRuns: MAX_CONCURRENT } } } : {}),
    })
    const key = nature === 'external' ? (await created(requests, `/api/agents/${row.id}/keys`, { name: 'torture' })).token : ''
    return { id: row.id, name: row.name, nature, key }
  }
  const raise = async (title: string): Promise<string> =>
    (await created(requests, `/api/companies/${companyId}/issues`, { title, status: 'todo' })).id

  const cast = await inTurns(castOf(agents), hire)
  const hot = await inTurns(
    Array.from({ length: HOT_ISSUES }, (_, index) => `Hot ${index}`),
    raise,
  )
  const cold = await inTurns(
    Array.from({ length: COLD_ISSUES }, (_, index) => `Cold ${index}`),
    raise,
  )
  return { companyId, agents: cast, hot, cold }
}
