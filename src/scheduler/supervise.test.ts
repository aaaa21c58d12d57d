import { describe, expect, test } from 'vitest'
import { notebook, programmed, useHands } from '../testing/hands.ts'
import { free, holdRow, runRow, until, wakesOf } from '../testing/holds.ts'
import { actionsOf, useServer, world } from '../testing/world.ts'

const server = useServer()

const ended = (runId: string): Promise<void> =>
  until(`run ${runId} ends`, async () => !['queued', 'running'].includes((await runRow(server(), runId)).status))

describe('a run of this server', () => {
  test('starts when its issue is assigned, holds it, and frees it when it ends; its log and its events can be read', async () => {
    const here = await world(server())
    useHands(server())
    const notes = notebook()
    const agent = await programmed(
      here,
      `const { PAPERCLIP_API_URL: api, PAPERCLIP_API_KEY: key, PAPERCLIP_TASK_ID: id } = process.env
       fetch(api + '/api/issues/' + id, { headers: { authorization: 'Bearer ' + key } }).then(async (answer) => {
         const { status, executionRunId } = await answer.json()
         require('fs').appendFileSync(${JSON.stringify(notes.file)}, [status, executionRunId === process.env.PAPERCLIP_RUN_ID].join() + '\\n')
         console.log('worked'); console.error('grumbled')
       })`,
    )
    const issue = await here.issue({ assigneeAgentId: agent.id })
    await until('it ran', async () => notes.lines().length > 0)
    const [wake] = await wakesOf(server(), issue.id)
    const runId = wake?.runId ?? ''
    await ended(runId)
    expect(notes.lines()).toEqual(['in_progress,true'])
    const { body: run } = await server().board.get(`/api/heartbeat-runs/${runId}`)
    expect(run).toMatchObject({
      status: 'succeeded',
      exitCode: 0,
      error: null,
      logStore: 'postgres',
      stdoutExcerpt: 'worked\n',
      stderrExcerpt: 'grumbled\n',
    })
    expect(await holdRow(server(), issue.id)).toMatchObject({ ...free, status: 'in_progress', assigneeAgentId: agent.id, lockEpoch: 2 })
    expect(await wakesOf(server(), issue.id)).toMatchObject([{ status: 'completed' }])
    expect(await actionsOf(server(), issue.id)).toEqual(['issue.created', 'issue.checked_out', 'issue.lock_cleared'])
    expect(await actionsOf(server(), runId)).toEqual(['heartbeat.run_started', 'heartbeat.run_finished'])
    const { body: log } = await server().board.get(`/api/heartbeat-runs/${runId}/log`)
    expect(log).toMatchObject({ runId, store: 'postgres', logRef: runId })
    expect(log).not.toHaveProperty('nextOffset')
    const lines = (log.content as string)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { stream: string; chunk: string })
    expect(lines.map(({ stream, chunk }) => `${stream}: ${chunk}`).toSorted()).toEqual(['stderr: grumbled\n', 'stdout: worked\n'])
    expect(run.logBytes).toBe(Buffer.byteLength(log.content))
  })
})
