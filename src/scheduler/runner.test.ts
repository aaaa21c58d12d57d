import { expect, onTestFinished, test } from 'vitest'
import type { Adapters, AdapterOutcome, StartedRun } from '../adapters/index.ts'
import { createLog } from '../platform/kernel/log.ts'
import { runRow, waitUntil, waitForLockWaiter, wakesOf } from '../dev/testing/holds.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { createRunner } from './runner.ts'
import type { Runner } from './runner.ts'

const server = useServer()

/** Hands whose only adapter is the test itself; their duties run when the test says so. */
function runnerWith(start: (runId: string) => StartedRun): Runner & { duty: (name: string) => Promise<unknown> } {
  const adapters: Adapters = {
    types: ['claude_local'],
    supports: (type): type is 'claude_local' => type === 'claude_local',
    validateConfig: () => ({ ok: true, ignored: [], secrets: [] }),
    runPreflight: () => Promise.resolve(null),
    start: (_, job) => start(job.runId),
  }
  const { store, tokens, url, feed } = server()
  const log = createLog('silent', false)
  const runner = createRunner({ store, tokens, adapters, maxRuns: 4, apiUrl: url, observer: feed, log })
  onTestFinished(() => runner.stop())
  const duty = async (name: string): Promise<unknown> => await runner.periodicTasks.find((each) => each.name === name)?.run()
  return { ...runner, duty }
}

const ended: AdapterOutcome = {
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

/** A run that is queued for an agent. */
async function queued() {
  const here = await world(server())
  const agent = await here.agent({ adapterType: 'claude_local' })
  const issue = await here.issue({ assigneeAgentId: agent.id })
  const [wake] = await wakesOf(server(), issue.id)
  return { issue, runId: wake?.runId ?? '' }
}

test('a server starts nothing before others can know of it: a child of one that died unknown would be nobody’s', async () => {
  const { runId } = await queued()
  const blocker = await server().database.sql.connect()
  await blocker.query('begin; lock table servers in exclusive mode')
  const started: string[] = []
  const runner = runnerWith((id) => {
    started.push(id)
    return { outcome: Promise.resolve(ended), cancel: () => {} }
  })
  const tending = runner.duty('supervise')
  await waitForLockWaiter(server())
  await runner.duty('dispatch')
  // More round trips than several claims would take.
  for (let count = 0; count < 30; count += 1)
    expect((await server().board.get(`/api/heartbeat-runs/${runId}`)).body).toMatchObject({ status: 'queued' })
  await blocker.query('commit')
  blocker.release()
  await tending
  await waitUntil('it has run', async () => (await runRow(server(), runId)).status === 'succeeded')
  expect(started).toEqual([runId])
})

test('an agent that takes a run over in the moment in which the server stops keeps it', async () => {
  const { issue, runId } = await queued()
  let answer: ((exit: AdapterOutcome) => void) | undefined
  const runner = runnerWith(() => ({
    outcome: new Promise((resolve) => void (answer = resolve)),
    cancel: () =>
      answer?.({ pending: true, externalRunId: 'remote-7', stdoutExcerpt: '', stderrExcerpt: '', outputBytes: 0, droppedBytes: 0 }),
  }))
  await runner.duty('supervise')
  await runner.duty('dispatch')
  await waitUntil('it started', async () => answer !== undefined)
  await runner.stop()
  const { body } = await server().board.get(`/api/heartbeat-runs/${runId}`)
  expect(body).toMatchObject({ status: 'running', externalRunId: 'remote-7', leaseSeconds: 300 })
  expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'claimed', runId }])
})

test('what an agent reports as its error is kept at a length that lists can carry', async () => {
  const { runId } = await queued()
  const failed: AdapterOutcome = { ...ended, status: 'failed', errorCode: 'adapter_reported_failure', error: 'x'.repeat(500_000) }
  const runner = runnerWith(() => ({ outcome: Promise.resolve(failed), cancel: () => {} }))
  await runner.duty('supervise')
  await runner.duty('dispatch')
  await waitUntil('it failed', async () => (await runRow(server(), runId)).status === 'failed')
  const { body } = await server().board.get(`/api/heartbeat-runs/${runId}`)
  expect(body.error).toHaveLength(10_000)
})
