import { expect, test } from 'vitest'
import { statementTexts } from '../platform/db/statement.ts'
import '../server/server.ts'
import { insertQueuedRuns } from '../dev/testing/runner.ts'
import { useServer, world } from '../dev/testing/world.ts'

const server = useServer()
const query = async <T extends object>(text: string, values?: unknown[]): Promise<T[]> =>
  (await server().database.sql.query<T>(text, values)).rows

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly Plans?: readonly Node[]
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

/** What reads a queue from one end to the other. A condition on the status alone is met by all that wait. */
function readsAll(node: Node): boolean {
  if (node['Node Type'] === 'Seq Scan') return node['Relation Name'] === 'heartbeat_runs' || node['Relation Name'] === 'wakes'
  const cond = node['Index Cond'] ?? ''
  return /^(heartbeat_runs_unended|heartbeat_runs_unended_agent|wakes_waiting|wakes_open)$/.test(node['Index Name'] ?? '')
    ? cond === '' || /^\(\w*\.?status = [^()]*\)$/.test(cond)
    : false
}

const planOf = async (text: string): Promise<Node> => {
  const [row] = await query<{ 'QUERY PLAN': { Plan: Node }[] }>(`explain (generic_plan, format json) ${text}`)
  return row?.['QUERY PLAN'][0]?.Plan as Node
}

/** Statements that read all that is queued because that is what they are for. */
const allowedFullReads: ReadonlySet<string> = new Set([
  // Once for each company that is archived or deleted.
  'close_unended',
  // Counts them, every five seconds at the most.
  'metrics_figures',
  // Once or twice for each server that died.
  'orphans_of',
  // Every ten minutes, and of what is old only.
  'retain_chunks',
  // Walks from one agent that waits to the next, a step for each.
  'startable',
])

test('a queue that was empty when it was last analyzed is full later, and nobody reads all of it to find one run', async () => {
  const { agent, company } = await world(server())
  const { id: agentId } = await agent()
  const wakesOf = `insert into wakes (company_id, agent_id, source, reason, status, requested_by_actor_type, requested_by_actor_id, run_id)
    select company_id, agent_id, 'automation', 'test', 'queued', 'system', 'test', id from heartbeat_runs`
  for (const table of ['heartbeat_runs', 'wakes']) await query(`alter table ${table} set (autovacuum_enabled = off)`)
  // Emptied, so that its indexes have pages and no rows: what an hour without work leaves.
  await insertQueuedRuns(server(), company.id, agentId, 500)
  await query(wakesOf)
  await query('delete from wakes')
  await query('delete from heartbeat_runs')
  await query('vacuum analyze heartbeat_runs, wakes')
  await insertQueuedRuns(server(), company.id, agentId, 5000)
  await query(wakesOf)

  // The whole program has been loaded, and whatever other test files have left in this worker.
  const texts = [...statementTexts()].filter(([name, text]) => !name.startsWith('test_') && /heartbeat_runs|wakes/.test(text))
  expect(texts.length).toBeGreaterThan(75)
  const bad: Record<string, string[]> = {}
  for (const [name, text] of texts) {
    const reading = nodesOf(await planOf(text)).filter(readsAll)
    if (reading.length > 0 && !allowedFullReads.has(name))
      bad[name] = reading.map((node) => `${node['Node Type']} ${node['Index Name'] ?? node['Relation Name']} ${node['Index Cond'] ?? ''}`)
  }
  expect(bad).toEqual({})
})
