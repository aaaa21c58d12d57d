import { prepareRequest } from '../load.ts'
import type { LoadJob, LoadTurn, Script } from '../load.ts'
import { AGENTS, CALLERS, issueBody } from './company.ts'
import type { PeerWorker, Prepared } from './company.ts'

/** A kind of request that is driven, with the bar for the ratio of both rates. */
export interface Work {
  readonly name: string
  readonly callers: number
  /** Left out: it is measured for orientation. */
  readonly bar?: number
  /** The requests of one turn. Turns are counted from 0, and the first warms up. */
  job(side: Prepared, turn: { readonly index: number; readonly count: number }): Omit<LoadJob, 'port' | 'durationMs'>
  /** Looks whether the requests did their work. @throws when they did not */
  check?(side: Prepared, turns: readonly LoadTurn[]): Promise<void>
}

type Rows = readonly Readonly<Record<string, unknown>>[]

const scriptsOf = (side: Prepared, callers: number, make: (worker: PeerWorker) => Script): Script[] =>
  side.workers.slice(0, callers).map(make)

const read = (name: string, bar: number | undefined, paths: (side: Prepared, worker: PeerWorker) => readonly string[]): Work => ({
  name,
  callers: CALLERS,
  ...(bar === undefined ? {} : { bar }),
  job: (side) => ({
    scripts: scriptsOf(side, CALLERS, (worker) =>
      paths(side, worker).map((path) => prepareRequest({ path: `/api${path}`, headers: worker.headers })),
    ),
  }),
})

const answersWith = (turns: readonly LoadTurn[], status: number): number =>
  turns.reduce((sum, turn) => sum + (turn.statuses[status] ?? 0), 0)

function requireSame(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${what}: found ${String(found)}, expected ${String(expected)}`)
}

/** Audit rows of an action on issues: each write leaves one. */
async function countActivity({ api }: Prepared, issueIds: readonly string[], action: string): Promise<number> {
  let count = 0
  for (const id of issueIds) {
    const rows = (await api.get(`/api/issues/${id}/activity?limit=1000`)) as unknown as Rows
    count += rows.filter((row) => row['action'] === action).length
  }
  return count
}

const checkout = ({ agentId, headers }: PeerWorker, id: string, expectedStatuses: readonly number[]) =>
  prepareRequest({
    method: 'POST',
    path: `/api/issues/${id}/checkout`,
    headers,
    body: { agentId, expectedStatuses: ['todo'] },
    expectedStatuses,
  })

const checkoutAndRelease: Work = {
  name: 'checkout + release',
  callers: AGENTS,
  bar: 9,
  job: (side) => ({
    unit: 2,
    scripts: scriptsOf(side, AGENTS, (worker) =>
      worker.toTake.flatMap((id) => [
        checkout(worker, id, [200]),
        prepareRequest({ method: 'POST', path: `/api/issues/${id}/release`, headers: worker.headers, body: {} }),
      ]),
    ),
  }),
  async check({ api, workers }) {
    for (const { toTake } of workers) {
      const issue = await api.get(`/api/issues/${toTake[0]}`)
      requireSame('an issue that was given back', `${String(issue['status'])} ${String(issue['assigneeAgentId'])}`, 'todo null')
    }
  },
}

const race: Work = {
  name: 'race of 16 for one issue',
  callers: AGENTS,
  bar: 9,
  job(side, { index, count }) {
    // Nothing is given back: their release leaves the run in place, which would lose the next race for the others.
    const each = Math.floor(side.toRaceFor.length / count)
    const issueIds = side.toRaceFor.slice(index * each, (index + 1) * each)
    return { inStep: true, scripts: scriptsOf(side, AGENTS, (worker) => issueIds.map((id) => checkout(worker, id, [200, 409]))) }
  },
  check: async (_, turns) => {
    const races = turns.reduce((sum, turn) => sum + turn.times.length, 0)
    requireSame('winners of a race', answersWith(turns, 200), races)
    requireSame('losers of a race', answersWith(turns, 409), races * (AGENTS - 1))
  },
}

/** A write to the issues that a worker keeps. */
function writeToKept(
  name: string,
  action: string,
  request: (id: string, text: string) => Omit<Parameters<typeof prepareRequest>[0], 'headers'>,
): Work {
  return {
    name,
    callers: CALLERS,
    bar: 9,
    job: (side, { index }) => ({
      // No two requests that follow each other say the same, so each is a change.
      scripts: scriptsOf(side, CALLERS, (worker) =>
        ['first', 'second', 'third'].flatMap((word) =>
          worker.kept.map((id) => prepareRequest({ ...request(id, `turn ${index}, ${word} version`), headers: worker.headers })),
        ),
      ),
    }),
    async check(side, turns) {
      const issueIds = side.workers.slice(0, CALLERS).flatMap((worker) => worker.kept)
      const sent = turns.reduce((sum, turn) => sum + turn.times.length, 0)
      requireSame(`${action} in the activity of the issues`, await countActivity(side, issueIds, action), sent)
    },
  }
}

const patch = writeToKept('PATCH', 'issue.updated', (id, text) => ({
  method: 'PATCH',
  path: `/api/issues/${id}`,
  body: { title: `What is to be done: ${text}` },
}))

const comment = writeToKept('comment', 'issue.comment_added', (id, text) => ({
  method: 'POST',
  path: `/api/issues/${id}/comments`,
  body: { body: `What was done: ${text}. `.repeat(4) },
  expectedStatuses: [201],
}))

/** Issues that the companies had before any was created under load, by side. */
const issuesBefore = new WeakMap<Prepared, number>()

const create: Work = {
  name: 'create issue',
  callers: CALLERS,
  bar: 9,
  job: (side) => ({
    scripts: scriptsOf(side, CALLERS, ({ headers }) =>
      [0, 1, 2, 3].map((n) =>
        prepareRequest({
          method: 'POST',
          path: `/api/companies/${side.companyId}/issues`,
          headers,
          body: issueBody(n),
          expectedStatuses: [201],
        }),
      ),
    ),
  }),
  async check(side, turns) {
    requireSame('new issues', (await countIssues(side)) - (issuesBefore.get(side) ?? 0), answersWith(turns, 201))
  },
}

async function countIssues({ api, companyId }: Prepared): Promise<number> {
  const stats = (await api.get('/api/companies/stats')) as Record<string, { issueCount: number }>
  return stats[companyId]?.issueCount ?? 0
}

/** Remembers what the checks compare with. */
export async function noteStart(side: Prepared): Promise<void> {
  issuesBefore.set(side, await countIssues(side))
}

/** Every work, in its order: the reads come first, so that both sides read as many rows. */
export const works: readonly Work[] = [
  read('GET issue', 25, (_, { toTake }) => toTake.map((id) => `/issues/${id}`)),
  read('list 50', 40, ({ companyId }) => [`/companies/${companyId}/issues?limit=50`]),
  {
    ...read('list of a company with 50', undefined, () => []),
    job: ({ few }) => ({
      scripts: Array.from({ length: CALLERS }, () => [
        prepareRequest({ path: `/api/companies/${few.companyId}/issues`, headers: few.headers }),
      ]),
    }),
  },
  read('mine', 15, ({ companyId }, { agentId }) => [`/companies/${companyId}/issues?assigneeAgentId=${agentId}&status=todo,in_progress`]),
  read('activity', 40, ({ companyId }) => [`/companies/${companyId}/activity?limit=50`]),
  read('activity of an issue', undefined, (_, { kept }) => kept.map((id) => `/issues/${id}/activity`)),
  read('dashboard', 12, ({ companyId }) => [`/companies/${companyId}/dashboard`]),
  checkoutAndRelease,
  race,
  patch,
  comment,
  create,
]
