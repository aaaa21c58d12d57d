import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { idOf, problemOf } from './expected.ts'
import type { Command } from './commandLine.ts'
import type { Report } from './report.ts'
import { call } from './scene.ts'
import type { Scene } from './scene.ts'

/** A stranger to every server. */
const NOBODY = '00000000-0000-4000-8000-000000000000'
/** More than the command line reads in one go, and fast enough to be over long before it has read that. */
const ROWS = 5000
const rows = Array.from({ length: ROWS }, (_, index) => `row ${index + 1} of many\n`)

/** Runs of agents that are programs, as `heartbeat run` starts them and shows them. */
export async function runTour(speak: (key?: string) => Command, home: string, { base }: Scene, report: Report): Promise<void> {
  const board = speak()
  const companyId = idOf(await call(base, 'POST', '/companies', { name: 'Runners' }))
  const hire = async (name: string, script: string): Promise<string> =>
    idOf(
      await call(base, 'POST', `/companies/${companyId}/agents`, {
        name,
        adapterType: 'process',
        adapterConfig: { command: '/bin/sh', args: ['-c', script] },
      }),
    )
  const set = (id: string, fields: object): Promise<unknown> => call(base, 'PATCH', `/agents/${id}`, fields)
  const lastRunOf = async (id: string): Promise<unknown> =>
    ((await call(base, 'GET', `/companies/${companyId}/heartbeat-runs?agentId=${id}&limit=1`)) as unknown[])[0]

  // It goes on only once its first words have been shown, so words that came at the end alone would never come.
  const gate = path.join(home, 'gate')
  const patient = await hire('Patient', `echo begun; until [ -e ${gate} ]; do sleep 0.05; done; echo ended; echo grumbled >&2`)
  const open = (out: string): void => {
    if (out.includes('begun\n')) writeFileSync(gate, '')
  }
  const begun = ['Adapter: process', 'Command: /bin/sh -c echo begun']
  const succeeded = ['Status: succeeded', 'completed with status succeeded']
  const heartbeat = (id: string, ...more: readonly string[]): readonly string[] => ['heartbeat', 'run', '-a', id, ...more]
  const live = ['begun', 'ended', '[stderr] grumbled', ...succeeded]
  await board(heartbeat(patient, '--timeout-ms', '20000'), { prints: live, onOutput: open })
  await board(heartbeat(patient, '--debug'), { prints: ['[stdout] begun', 'ended', ...succeeded] })
  await board(heartbeat(patient, '--json'), { prints: live })
  const { token } = (await call(base, 'POST', `/agents/${patient}/keys`, { name: 'tour' })) as { token: string }
  await speak(token)(heartbeat(patient), { prints: ['Invoked heartbeat run', ...succeeded] })

  const brief = await hire('Brief', 'echo hello; echo bye')
  await board(heartbeat(brief), { prints: ['hello', 'bye', ...succeeded] })
  const failing = await hire('Failing', 'echo oh; exit 3')
  const failed = ['Status: failed', 'completed with status failed', 'Error: The command exited with code 3', 'stdout excerpt:', 'oh']
  await board(heartbeat(failing), { prints: failed, exits: 1 })
  const talker = await hire('Talker', `seq -f 'row %g of many' 1 ${ROWS}`)
  await board(heartbeat(talker), { prints: [...rows, ...succeeded] })

  await board(heartbeat(brief, '--source', 'timer', '--trigger', 'system'), { prints: succeeded })
  report.note('its run says so', problemOf(await lastRunOf(brief), { like: { invocationSource: 'timer', triggerDetail: 'system' } }))
  await board(heartbeat(brief, '--source', 'automation', '--trigger', 'callback'), { prints: succeeded })
  report.note('its run says so', problemOf(await lastRunOf(brief), { like: { invocationSource: 'automation', triggerDetail: 'callback' } }))

  const endless = await hire('Endless', 'echo begun; sleep 600')
  const gaveUp = ['begun', 'completed with status timed_out', 'Error: CLI timed out after 1500ms']
  await board(heartbeat(endless, '--timeout-ms', '1500'), { prints: gaveUp, exits: 1 })
  const runId = idOf(await lastRunOf(endless))
  // The run that is at work already stands for the wish, and is shown from its beginning.
  let cancelling: Promise<unknown> | undefined
  await board(heartbeat(endless), {
    prints: [`Invoked heartbeat run ${runId}`, ...begun, 'Status: cancelled', 'completed with status cancelled'],
    exits: 1,
    onOutput: (out) => {
      if (out.includes('begun\n')) cancelling ??= call(base, 'POST', `/heartbeat-runs/${runId}/cancel`)
    },
  })
  await cancelling

  await board(heartbeat(NOBODY), { refused: 'Agent not found' })
  await board(heartbeat('patient'), { refused: 'companyId' })
  await speak(token)(heartbeat(brief), { refused: 'Agent can only act as itself' })
  await speak(`${token.slice(0, -1)}x`)(heartbeat(patient), { refused: 'Unauthorized' })
  await call(base, 'POST', `/agents/${failing}/pause`)
  await board(heartbeat(failing), { refused: 'Agent is not invokable in its current state' })
  await set(brief, { runtimeConfig: { heartbeat: { wakeOnDemand: false } } })
  await board(heartbeat(brief), { prints: ['Heartbeat invocation was skipped'] })
  await set(brief, { runtimeConfig: { heartbeat: { enabled: false } } })
  await board(heartbeat(brief, '--source', 'timer'), { prints: ['Heartbeat invocation was skipped'] })
}
