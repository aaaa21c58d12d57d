import { expect, onTestFinished, test } from 'vitest'
import type { Adapters, AdapterOutcome, StartedRun } from '../adapters/index.ts'
import { addressPolicy, resolveBySystem } from '../adapters/index.ts'
import { createLog } from '../platform/kernel/log.ts'
import { runRow, waitUntil, waitForLockWaiter, wakesOf } from '../dev/testing/holds.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { createRunner } from './runner.ts'
import type { Runner } from './runner.ts'

const server = useServer()

/** A runner whose only adapter is a function of the test, and whose periodic tasks run when the test calls them. */
function runnerWith(start: (runId: string) => StartedRun): Runner & { runTask: (name: string) => Promise<unknown> } {
  const adapters: Adapters = {
    outbound: { policy: addressPolicy([]), resolve: resolveBySystem },
    isolation: { kind: 'none', reason: 'a test' },
    types: ['claude_local'],
    supports: (type): type is 'claude_local' => type === 'claude_local',
    validateConfig: () => ({ ok: true, ignored: [], secrets: [] }),
    isolationProblems: () => null,
    runPreflight: () => Promise.resolve(null),
    listWarnings: () => Promise.resolve([]),
    start: (_, job) => start(job.runId),
  }
  const { store, tokens, url, feed } = server()
  const log = createLog('silent', false)
  const runner = createRunner({ store, tokens, adapters, maxRuns: 4, apiUrl: url, observer: feed, log })
  onTestFinished(() => runner.stop())
  const runTask = async (name: string): Promise<unknown> => await runner.periodicTasks.find((each) => each.name === name)?.run()
  return { ...runner, runTask }
}

const succeeded: AdapterOutcome = {
  pending: false,
  status: 'succeeded',
  exitCode: 0,
  signal: null,
  error: null,
  errorCode: null,
  usage: null,
  result: null,
  sessionIdAfter: null,
  stdoutExcerpt: '',
  stderrExcerpt: '',
  outputBytes: 0,
  droppedBytes: 0,
}

/** Queues a run by assigning an issue to an agent. */
async function queueRun() {
  const here = await world(server())
  const agent = await here.agent({ adapterType: 'claude_local' })
  const issue = await here.issue({ assigneeAgentId: agent.id })
  const [wake] = await wakesOf(server(), issue.id)
  return { issue, runId: wake?.runId ?? '' }
}

test('A server starts no run before its own row is committed, because no other server would kill the child processes of an unknown one', async () => {
  const { runId } = await queueRun()
  const blocker = await server().database.sql.connect()
  await blocker.query('begin; lock table servers in exclusive mode')
  const started: string[] = []
  const runner = runnerWith((id) => {
    started.push(id)
    return { outcome: Promise.resolve(succeeded), cancel: () => {} }
  })
  const renewal = runner.runTask('supervise')
  await waitForLockWaiter(server())
  await runner.runTask('dispatch')
  // More round trips than several claims would take.
  for (let count = 0; count < 30; count += 1)
    expect((await server().board.get(`/api/heartbeat-runs/${runId}`)).body).toMatchObject({ status: 'queued' })
  await blocker.query('commit')
  blocker.release()
  await renewal
  await waitUntil('the run has succeeded', async () => (await runRow(server(), runId)).status === 'succeeded')
  expect(started).toEqual([runId])
})

test('An agent that accepts a run as pending while the server stops keeps the run', async () => {
  const { issue, runId } = await queueRun()
  let answer: ((outcome: AdapterOutcome) => void) | undefined
  const runner = runnerWith(() => ({
    outcome: new Promise((resolve) => void (answer = resolve)),
    cancel: () =>
      answer?.({ pending: true, externalRunId: 'remote-7', stdoutExcerpt: '', stderrExcerpt: '', outputBytes: 0, droppedBytes: 0 }),
  }))
  await runner.runTask('supervise')
  await runner.runTask('dispatch')
  await waitUntil('the run has started', async () => answer !== undefined)
  await runner.stop()
  const { body } = await server().board.get(`/api/heartbeat-runs/${runId}`)
  expect(body).toMatchObject({ status: 'running', externalRunId: 'remote-7', leaseSeconds: 300 })
  expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'claimed', runId }])
})

test('A long error text of an agent is stored shortened to 10,000 characters', async () => {
  const { runId } = await queueRun()
  const failed: AdapterOutcome = { ...succeeded, status: 'failed', errorCode: 'adapter_reported_failure', error: 'x'.repeat(500_000) }
  const runner = runnerWith(() => ({ outcome: Promise.resolve(failed), cancel: () => {} }))
  await runner.runTask('supervise')
  await runner.runTask('dispatch')
  await waitUntil('the run has failed', async () => (await runRow(server(), runId)).status === 'failed')
  const { body } = await server().board.get(`/api/heartbeat-runs/${runId}`)
  expect(body.error).toHaveLength(10_000)
})
