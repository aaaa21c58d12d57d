import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { idOf, findProblem } from './expected.ts'
import type { Command } from './commandLine.ts'
import type { Report } from './report.ts'
import { callApi } from './setup.ts'
import type { Setup } from './setup.ts'

/** A stranger to every server. */
const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'
/** More than the command line reads in one go, and fast enough to be over long before it has read that. */
const ROW_COUNT = 5000
const rows = Array.from({ length: ROW_COUNT }, (_, index) => `row ${index + 1} of many\n`)

/** Runs of agents that are programs, as `heartbeat run` starts them and shows them. */
export async function runSmoke(commandAs: (key?: string) => Command, home: string, { base }: Setup, report: Report): Promise<void> {
  const board = commandAs()
  const companyId = idOf(await callApi(base, 'POST', '/companies', { name: 'Runners' }))
  const createAgent = async (name: string, script: string): Promise<string> =>
    idOf(
      await callApi(base, 'POST', `/companies/${companyId}/agents`, {
        name,
        adapterType: 'process',
        adapterConfig: { command: '/bin/sh', args: ['-c', script] },
      }),
    )
  const patchAgent = (id: string, fields: object): Promise<unknown> => callApi(base, 'PATCH', `/agents/${id}`, fields)
  const lastRunOf = async (id: string): Promise<unknown> =>
    ((await callApi(base, 'GET', `/companies/${companyId}/heartbeat-runs?agentId=${id}&limit=1`)) as unknown[])[0]

  // It goes on only once its first words have been shown, so words that came at the end alone would never come.
  const gate = path.join(home, 'gate')
  const patientId = await createAgent('Patient', `echo begun; until [ -e ${gate} ]; do sleep 0.05; done; echo ended; echo grumbled >&2`)
  const openGate = (out: string): void => {
    if (out.includes('begun\n')) writeFileSync(gate, '')
  }
  const begun = ['Adapter: process', 'Command: /bin/sh -c echo begun']
  const succeeded = ['Status: succeeded', 'completed with status succeeded']
  const heartbeat = (id: string, ...more: readonly string[]): readonly string[] => ['heartbeat', 'run', '-a', id, ...more]
  const liveOutput = ['begun', 'ended', '[stderr] grumbled', ...succeeded]
  await board(heartbeat(patientId, '--timeout-ms', '20000'), { prints: liveOutput, onOutput: openGate })
  await board(heartbeat(patientId, '--debug'), { prints: ['[stdout] begun', 'ended', ...succeeded] })
  await board(heartbeat(patientId, '--json'), { prints: liveOutput })
  const { token } = (await callApi(base, 'POST', `/agents/${patientId}/keys`, { name: 'tour' })) as { token: string }
  await commandAs(token)(heartbeat(patientId), { prints: ['Invoked heartbeat run', ...succeeded] })

  const briefId = await createAgent('Brief', 'echo hello; echo bye')
  await board(heartbeat(briefId), { prints: ['hello', 'bye', ...succeeded] })
  const failingId = await createAgent('Failing', 'echo oh; exit 3')
  const failed = ['Status: failed', 'completed with status failed', 'Error: The command exited with code 3', 'stdout excerpt:', 'oh']
  await board(heartbeat(failingId), { prints: failed, exitCode: 1 })
  const talkerId = await createAgent('Talker', `seq -f 'row %g of many' 1 ${ROW_COUNT}`)
  await board(heartbeat(talkerId), { prints: [...rows, ...succeeded] })

  await board(heartbeat(briefId, '--source', 'timer', '--trigger', 'system'), { prints: succeeded })
  report.record('its run says so', findProblem(await lastRunOf(briefId), { like: { invocationSource: 'timer', triggerDetail: 'system' } }))
  await board(heartbeat(briefId, '--source', 'automation', '--trigger', 'callback'), { prints: succeeded })
  report.record(
    'its run says so',
    findProblem(await lastRunOf(briefId), { like: { invocationSource: 'automation', triggerDetail: 'callback' } }),
  )

  const endlessId = await createAgent('Endless', 'echo begun; sleep 600')
  const gaveUp = ['begun', 'completed with status timed_out', 'Error: CLI timed out after 1500ms']
  await board(heartbeat(endlessId, '--timeout-ms', '1500'), { prints: gaveUp, exitCode: 1 })
  const runId = idOf(await lastRunOf(endlessId))
  // The run that is at work already stands for the wish, and is shown from its beginning.
  let cancelling: Promise<unknown> | undefined
  await board(heartbeat(endlessId), {
    prints: [`Invoked heartbeat run ${runId}`, ...begun, 'Status: cancelled', 'completed with status cancelled'],
    exitCode: 1,
    onOutput: (out) => {
      if (out.includes('begun\n')) cancelling ??= callApi(base, 'POST', `/heartbeat-runs/${runId}/cancel`)
    },
  })
  await cancelling

  await board(heartbeat(UNKNOWN_ID), { refused: 'Agent not found' })
  await board(heartbeat('patient'), { refused: 'companyId' })
  await commandAs(token)(heartbeat(briefId), { refused: 'Agent can only act as itself' })
  await commandAs(`${token.slice(0, -1)}x`)(heartbeat(patientId), { refused: 'Unauthorized' })
  await callApi(base, 'POST', `/agents/${failingId}/pause`)
  await board(heartbeat(failingId), { refused: 'Agent is not invokable in its current state' })
  await patchAgent(briefId, { runtimeConfig: { heartbeat: { wakeOnDemand: false } } })
  await board(heartbeat(briefId), { prints: ['Heartbeat invocation was skipped'] })
  await patchAgent(briefId, { runtimeConfig: { heartbeat: { enabled: false } } })
  await board(heartbeat(briefId, '--source', 'timer'), { prints: ['Heartbeat invocation was skipped'] })
}
