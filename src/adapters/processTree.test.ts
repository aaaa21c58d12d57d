import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { killOrphan } from './processTree.ts'
import { processesOfRun, processIdentity } from './processIdentity.ts'
import { waitForExit, isAlive, pidsIn } from './testKit.ts'

/** A process as a crashed server leaves it: in a process group of its own and without a supervisor. */
async function orphan(script: string, runId: string = crypto.randomUUID()) {
  const child = spawn('sh', ['-c', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], PAPERCLIP_RUN_ID: runId },
  })
  const { pid = 0, stdout } = child
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const [output] = (await once(stdout, 'data')) as [Buffer]
  return { pid, runId, identity: processIdentity(pid), child, output: output.toString() }
}

const IGNORES_SIGTERM = `trap '' TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 5; done' & while :; do sleep 5; done`

test('An orphan is ended with its whole process group, by SIGKILL when it ignores SIGTERM', async () => {
  const { pid, runId, identity, output } = await orphan(IGNORES_SIGTERM)
  expect(await killOrphan(identity, runId, 100)).toBe('ended')
  for (const each of [pid, ...pidsIn(output)]) await waitForExit(each)
  expect(await killOrphan(identity, runId, 100)).toBe('gone')
})

test('A process that only has the pid of an orphan is not signalled', async () => {
  const { pid, identity } = await orphan('echo ready; exec sleep 60')
  const anotherRun = crypto.randomUUID()
  expect(await killOrphan({ ...identity, startTime: (identity.startTime ?? 0) - 1 }, anotherRun, 100)).toBe('stranger')
  expect(await killOrphan({ ...identity, host: 'another boot' }, anotherRun, 100)).toBe('elsewhere')
  expect(await killOrphan({ ...identity, startTime: null }, anotherRun, 100)).toBe('elsewhere')
  expect(isAlive(pid)).toBe(true)
})

test('A process that an orphan started is ended after it, found by the run id in its environment', async () => {
  const { identity, runId, output, child } = await orphan('setsid sh -c "echo \\$\\$; exec sleep 60" & wait')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const [grandchild = 0] = pidsIn(output)
  expect(isAlive(grandchild)).toBe(true)
  expect(await killOrphan(identity, runId, 1000)).toBe('ended')
  expect(isAlive(grandchild)).toBe(false)
})

test('A process is found by the run id behind a large environment, and one that is older than the command is not asked', async () => {
  const runId = crypto.randomUUID()
  const values = Array.from({ length: 3 }, (_, index) => [`LARGE_${index}`, 'x'.repeat(100_000)])
  // The shell waits by itself: a process shows no environment during `exec`.
  const child = spawn('sh', ['-c', 'echo ready; read line'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], ...Object.fromEntries(values), PAPERCLIP_RUN_ID: runId },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const startTime = processIdentity(child.pid ?? 0).startTime ?? 0
  expect(processesOfRun(runId, startTime)).toEqual([child.pid])
  expect(processesOfRun(runId, startTime + 1)).toEqual([])
})
