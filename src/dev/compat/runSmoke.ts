import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { idOf, findProblem } from './expected.ts'
import type { Command } from './commandLine.ts'
import type { Report } from './report.ts'
import { callApi } from './setup.ts'
import type { Setup } from './setup.ts'

/** An id that no server knows. */
const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'
/** More rows than the command line reads in one request. The run ends long before the command line has read them. */
const ROW_COUNT = 5000
const rows = Array.from({ length: ROW_COUNT }, (_, index) => `row ${index + 1} of many\n`)

const begun = ['Adapter: process', 'Command: /bin/sh -c echo begun']
const succeeded = ['Status: succeeded', 'completed with status succeeded']
const heartbeat = (id: string, ...more: readonly string[]): readonly string[] => ['heartbeat', 'run', '-a', id, ...more]

/** The parts that all tests of runs share. */
interface RunContext {
  readonly base: string
  readonly companyId: string
  readonly home: string
  readonly commandAs: (key?: string) => Command
  readonly board: Command
  readonly report: Report
}

/** Tests `heartbeat run`, which starts runs of process agents and prints their output. */
export async function runSmoke(commandAs: (key?: string) => Command, home: string, { base }: Setup, report: Report): Promise<void> {
  const companyId = idOf(await callApi(base, 'POST', '/companies', { body: { name: 'Runners' } }))
  const context: RunContext = { base, companyId, home, commandAs, board: commandAs(), report }
  const { patientId, token } = await testLiveOutput(context)
  const { briefId, failingId } = await testOutcomes(context)
  await testSources(context, briefId)
  await testTimeoutAndCancel(context)
  await testRefusals(context, { patientId, briefId, failingId, token })
}

async function createAgent({ base, companyId }: RunContext, name: string, script: string): Promise<string> {
  const body = { name, adapterType: 'process', adapterConfig: { command: '/bin/sh', args: ['-c', script] } }
  return idOf(await callApi(base, 'POST', `/companies/${companyId}/agents`, { body }))
}

async function lastRunOf({ base, companyId }: RunContext, agentId: string): Promise<unknown> {
  const runs = (await callApi(base, 'GET', `/companies/${companyId}/heartbeat-runs?agentId=${agentId}&limit=1`)) as unknown[]
  return runs[0]
}

/** The command line prints the output of a run while the run is in progress. */
async function testLiveOutput(context: RunContext): Promise<{ patientId: string; token: string }> {
  const { base, home, commandAs, board } = context
  // The run continues only after the command line has printed its first line, so output at the end alone would never arrive.
  // The gate is in the folder of the agent: it sees no other one of this home.
  const script = `echo begun; until [ -e gate ]; do sleep 0.05; done; echo ended; echo grumbled >&2`
  const patientId = await createAgent(context, 'Patient', script)
  const openGate = (out: string): void => {
    if (out.includes('begun\n')) writeFileSync(path.join(home, 'server', 'work', patientId, 'gate'), '')
  }
  const liveOutput = ['begun', 'ended', '[stderr] grumbled', ...succeeded]
  await board(heartbeat(patientId, '--timeout-ms', '20000'), { prints: liveOutput, onOutput: openGate })
  await board(heartbeat(patientId, '--debug'), { prints: ['[stdout] begun', 'ended', ...succeeded] })
  await board(heartbeat(patientId, '--json'), { prints: liveOutput })
  const { token } = (await callApi(base, 'POST', `/agents/${patientId}/keys`, { body: { name: 'smoke' } })) as { token: string }
  await commandAs(token)(heartbeat(patientId), { prints: ['Invoked heartbeat run', ...succeeded] })
  return { patientId, token }
}

/** A short run, a failing run and a run with long output are printed completely. */
async function testOutcomes(context: RunContext): Promise<{ briefId: string; failingId: string }> {
  const { board } = context
  const briefId = await createAgent(context, 'Brief', 'echo hello; echo bye')
  await board(heartbeat(briefId), { prints: ['hello', 'bye', ...succeeded] })
  const failingId = await createAgent(context, 'Failing', 'echo oh; exit 3')
  const failed = ['Status: failed', 'completed with status failed', 'Error: The command exited with code 3', 'stdout excerpt:', 'oh']
  await board(heartbeat(failingId), { prints: failed, exitCode: 1 })
  const talkerId = await createAgent(context, 'Talker', `seq -f 'row %g of many' 1 ${ROW_COUNT}`)
  await board(heartbeat(talkerId), { prints: [...rows, ...succeeded] })
  return { briefId, failingId }
}

/** A run stores the source and the trigger of its invocation. */
async function testSources(context: RunContext, briefId: string): Promise<void> {
  const { board, report } = context
  await board(heartbeat(briefId, '--source', 'timer', '--trigger', 'system'), { prints: succeeded })
  const timerRun = await lastRunOf(context, briefId)
  report.record('the run has source timer', findProblem(timerRun, { like: { invocationSource: 'timer', triggerDetail: 'system' } }))
  await board(heartbeat(briefId, '--source', 'automation', '--trigger', 'callback'), { prints: succeeded })
  const automationRun = await lastRunOf(context, briefId)
  report.record(
    'the run has source automation',
    findProblem(automationRun, { like: { invocationSource: 'automation', triggerDetail: 'callback' } }),
  )
}

/** The command line stops waiting after its time limit, and prints the end of a cancelled run. */
async function testTimeoutAndCancel(context: RunContext): Promise<void> {
  const { base, board } = context
  const endlessId = await createAgent(context, 'Endless', 'echo begun; sleep 600')
  const timedOut = ['begun', 'completed with status timed_out', 'Error: CLI timed out after 1500ms']
  await board(heartbeat(endlessId, '--timeout-ms', '1500'), { prints: timedOut, exitCode: 1 })
  const runId = idOf(await lastRunOf(context, endlessId))
  // The server answers the second request with the run in progress. The command line prints that run from its start.
  let cancelling: Promise<unknown> | undefined
  await board(heartbeat(endlessId), {
    prints: [`Invoked heartbeat run ${runId}`, ...begun, 'Status: cancelled', 'completed with status cancelled'],
    exitCode: 1,
    onOutput: (out) => {
      if (out.includes('begun\n')) cancelling ??= callApi(base, 'POST', `/heartbeat-runs/${runId}/cancel`)
    },
  })
  await cancelling
}

interface RefusalSubjects {
  readonly patientId: string
  readonly briefId: string
  readonly failingId: string
  /** The API key of the agent `patientId`. */
  readonly token: string
}

/** The server refuses or skips an invocation that is not allowed. */
async function testRefusals(context: RunContext, { patientId, briefId, failingId, token }: RefusalSubjects): Promise<void> {
  const { base, commandAs, board } = context
  const patchHeartbeat = (id: string, fields: object): Promise<unknown> =>
    callApi(base, 'PATCH', `/agents/${id}`, { body: { runtimeConfig: { heartbeat: fields } } })
  await board(heartbeat(UNKNOWN_ID), { refused: 'Agent not found' })
  await board(heartbeat('patient'), { refused: 'companyId' })
  await commandAs(token)(heartbeat(briefId), { refused: 'Agent can only act as itself' })
  await commandAs(`${token.slice(0, -1)}x`)(heartbeat(patientId), { refused: 'Unauthorized' })
  await callApi(base, 'POST', `/agents/${failingId}/pause`)
  await board(heartbeat(failingId), { refused: 'Agent is not invokable in its current state' })
  await patchHeartbeat(briefId, { wakeOnDemand: false })
  await board(heartbeat(briefId), { prints: ['Heartbeat invocation was skipped'] })
  await patchHeartbeat(briefId, { enabled: false })
  await board(heartbeat(briefId, '--source', 'timer'), { prints: ['Heartbeat invocation was skipped'] })
}
