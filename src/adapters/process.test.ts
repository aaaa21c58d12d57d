import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { RunListener } from './adapter.ts'
import { processIdentity } from './processIdentity.ts'
import {
  TOKEN,
  adaptersWith,
  outcomeOf,
  expectFinished,
  isAlive,
  jobWith,
  pidsIn,
  recorder,
  shellCommand,
  startTestRun,
  temporaryFolder,
  splitWords,
} from './testKit.ts'

describe('A command that ends by itself', () => {
  test('The output is delivered as it arrives and the run ends with the exit code of the command', async () => {
    const run = startTestRun('process', shellCommand('echo out; echo err >&2; read line < /dev/null; exit 0'))
    expect(await outcomeOf(run)).toMatchObject({
      pending: false,
      status: 'succeeded',
      exitCode: 0,
      signal: null,
      error: null,
      errorCode: null,
    })
    expect(await outcomeOf(run)).toMatchObject({ stdoutExcerpt: 'out\n', stderrExcerpt: 'err\n', outputBytes: 8, droppedBytes: 0 })
    expect([run.recorded.text('stdout'), run.recorded.text('stderr')]).toEqual(['out\n', 'err\n'])
    expect(run.recorded.chunks.every(({ ts }) => !Number.isNaN(Date.parse(ts)))).toBe(true)
    expect(run.recorded.events.map(({ kind }) => kind)).toEqual(['invoked', 'started', 'exited'])
  })

  test('The process of a command is identified by pid, start time and host', async () => {
    const run = startTestRun('process', shellCommand('echo $$; read line; exit 0'))
    await run.recorded.waitForText('\n')
    const event = run.recorded.events.find(({ kind }) => kind === 'started')
    const [pid] = pidsIn(run.recorded.text('stdout'))
    expect(event).toMatchObject({ kind: 'started', process: { pid, startTime: expect.any(Number), host: processIdentity(1).host } })
    await run.outcome
  })

  test('The run fails when the exit code is not zero or a signal ended the command', async () => {
    expect(await outcomeOf(startTestRun('process', shellCommand('exit 7')))).toMatchObject({
      status: 'failed',
      exitCode: 7,
      errorCode: 'exit_nonzero',
    })
    expect(await outcomeOf(startTestRun('process', shellCommand('kill -KILL $$')))).toMatchObject({
      status: 'failed',
      exitCode: null,
      signal: 'SIGKILL',
      errorCode: 'killed_by_signal',
    })
  })

  test('A command may close its output and continue: its exit code decides', async () => {
    const end = await outcomeOf(startTestRun('process', shellCommand('echo early; exec >&- 2>&-; sleep 0.1; exit 5')))
    expect(end).toMatchObject({ status: 'failed', exitCode: 5, stdoutExcerpt: 'early\n' })
  })
})

describe('The environment of a command', () => {
  const secrets = {
    DATABASE_URL: 'postgres://user:hunter2@db/prod',
    PAPERCLIP_AGENT_JWT_SECRET: 'x'.repeat(40),
    BETTER_AUTH_SECRET: 'y'.repeat(40),
    AWS_SECRET_ACCESS_KEY: 'aws',
    PAPERCLIP_RUN_ID: 'a run this server was started in',
    NODE_OPTIONS: '--require ./evil.cjs',
    LD_PRELOAD: './evil.so',
    SHELL: '/bin/zsh',
    LC_evil: 'x',
    lc_all: 'x',
  }
  const harmless = {
    PATH: process.env['PATH'],
    HOME: '/home/x',
    LANG: 'C.UTF-8',
    LC_ALL: 'C',
    LC_TIME: 'C',
    TZ: 'UTC',
    TMPDIR: '/tmp',
    USER: 'x',
  }

  test('A command inherits the variables on the allow-list from the server and no others', async () => {
    const environment = { ...process.env, ...secrets, ...harmless }
    const run = startTestRun(
      'process',
      { command: 'env', env: { OWN: 'mine', TAGGED: { type: 'plain', value: 'too' } } },
      {},
      { environment },
    )
    await run.outcome
    const names = run.recorded
      .text('stdout')
      .split('\n')
      .flatMap((line) => (line.includes('=') ? [line.slice(0, line.indexOf('='))] : []))
    expect(names.toSorted()).toEqual(
      [
        ...Object.keys(harmless),
        ...splitWords('OWN TAGGED AGENT_HOME PAPERCLIP_API_URL PAPERCLIP_API_KEY PAPERCLIP_RUN_ID PAPERCLIP_AGENT_ID'),
        ...splitWords('PAPERCLIP_COMPANY_ID PAPERCLIP_TASK_ID PAPERCLIP_WAKE_REASON'),
      ].toSorted(),
    )
    expect(run.recorded.text('stdout')).not.toMatch(/hunter2|evil|xxxxx|yyyyy|server was started in/)
  })

  test('The configuration cannot replace the variables of the run', async () => {
    const env = { PAPERCLIP_API_KEY: 'another', PAPERCLIP_RUN_ID: 'another', PAPERCLIP_TASK_ID: 'another', KEPT: 'yes' }
    const script = 'echo $PAPERCLIP_RUN_ID $PAPERCLIP_AGENT_ID ${PAPERCLIP_TASK_ID-none} $KEPT; test "$PAPERCLIP_API_KEY" = "$1"'
    const run = startTestRun('process', { ...shellCommand(script, TOKEN), env }, { issueId: null })
    expect(await outcomeOf(run)).toMatchObject({ exitCode: 0 })
    expect(run.recorded.text('stdout')).toBe(`${run.job.runId} ${run.job.agentId} none yes\n`)
  })

  test('The token and the secrets of a command are redacted in its output and in its arguments', async () => {
    const env = { DB_KEY: { type: 'secret_ref', secretId: 's1' } }
    const script = 'echo "key $PAPERCLIP_API_KEY db $DB_KEY"; echo "$DB_KEY" >&2'
    const run = startTestRun('process', { ...shellCommand(script, TOKEN), env }, { secrets: { 'env.DB_KEY': 'correct-horse' } })
    const end = await outcomeOf(run)
    expect(end.stdoutExcerpt).toBe('key ***REDACTED*** db ***REDACTED***\n')
    expect(JSON.stringify([end, run.recorded.chunks, run.recorded.events])).not.toMatch(/run-token-of-this-run|correct-horse/)
  })

  test('A command whose secret has no value is not started', async () => {
    const run = startTestRun('process', { ...shellCommand('echo started'), env: { DB_KEY: { type: 'secret_ref', secretId: 's1' } } })
    expect(await outcomeOf(run)).toMatchObject({ status: 'failed', errorCode: 'adapter_secret_missing', error: 'No value for env.DB_KEY' })
    expect(run.recorded.events).toEqual([])
  })

  test('A NUL in the wake reason adds no variable and does not fail the run', async () => {
    const run = startTestRun('process', shellCommand('echo "$PAPERCLIP_WAKE_REASON"'), { wakeReason: 'a\0LD_PRELOAD=./evil.so' })
    expect((await outcomeOf(run)).stdoutExcerpt).toBe('aLD_PRELOAD=./evil.so\n')
  })
})

describe('The default working folder of an agent', () => {
  test('An agent finds its folder again in the next run, and no other agent uses it', async () => {
    const [one, another] = [crypto.randomUUID(), crypto.randomUUID()]
    const work = async (agentId: string, script: string) =>
      (await outcomeOf(startTestRun('process', shellCommand(script), { agentId }))).stdoutExcerpt
    expect(await work(one, 'echo mine > notes; ls')).toBe('notes\n')
    expect(await work(another, 'ls')).toBe('')
    expect(await work(one, 'cat notes')).toBe('mine\n')
  })

  test('A command is not started when its folder cannot be created', async () => {
    const workFolder = path.join(temporaryFolder(), 'file')
    writeFileSync(workFolder, '')
    const run = startTestRun('process', shellCommand('echo started'), {}, { workFolder })
    expect(await outcomeOf(run)).toMatchObject({ status: 'failed', errorCode: 'adapter_spawn_failed' })
    expect(run.recorded.text('stdout')).toBe('')
  })
})

describe('A command without a shell', () => {
  test('Arguments arrive unchanged, and a command line with spaces is no program', async () => {
    const folder = temporaryFolder()
    const run = startTestRun('process', {
      command: 'printf',
      args: ['%s|', '$(touch made)', '; touch made', '`touch made`', '*'],
      cwd: folder,
    })
    expect((await outcomeOf(run)).stdoutExcerpt).toBe('$(touch made)|; touch made|`touch made`|*|')
    expect(await outcomeOf(startTestRun('process', { command: 'touch made', shell: true, cwd: folder }))).toMatchObject({
      errorCode: 'adapter_spawn_failed',
    })
    expect(existsSync(path.join(folder, 'made'))).toBe(false)
  })
})

describe('A command that cannot be started', () => {
  const folderWith = (name: string) => {
    const folder = temporaryFolder()
    writeFileSync(path.join(folder, name), 'not a program')
    return path.join(folder, name)
  }
  test.each([
    ['does not exist', () => ({ command: '/no/such/program' }), 'ENOENT'],
    ['is not executable', () => ({ command: folderWith('plain') }), 'EACCES'],
    ['has more arguments than the system accepts', () => ({ command: 'true', args: Array<string>(256).fill('x'.repeat(32_768)) }), 'E2BIG'],
    ['has a missing working folder', () => ({ command: 'true', cwd: '/no/such/folder' }), 'does not exist'],
    ['has a file as its working folder', () => ({ command: 'true', cwd: folderWith('file') }), 'does not exist'],
  ])('A command that %s fails the run without a process', async (_, config, why) => {
    const run = startTestRun('process', config())
    const end = await outcomeOf(run)
    expect(end).toMatchObject({ status: 'failed', errorCode: 'adapter_spawn_failed', exitCode: null })
    expect(end.error).toContain(why)
    expect(run.recorded.events.some(({ kind }) => kind === 'started')).toBe(false)
  })
})

describe('A command that is stopped', () => {
  test('A command may exit by itself after SIGTERM, and the run is cancelled whatever its exit code is', async () => {
    const run = startTestRun('process', shellCommand("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 5; done"))
    await run.recorded.waitForText('ready')
    run.cancel('Cancelled by control plane')
    run.cancel('A second reason')
    expect(await outcomeOf(run)).toMatchObject({
      status: 'cancelled',
      errorCode: 'cancelled',
      error: 'Cancelled by control plane',
      exitCode: 0,
    })
    expect(run.recorded.text('stdout')).toBe('ready\nbye\n')
    expect(run.recorded.signals()).toEqual(['SIGTERM'])
  })

  test('A command whose run is cancelled before the start is not started', async () => {
    const run = startTestRun('process', shellCommand('echo started'))
    run.cancel('Never mind')
    expect(await outcomeOf(run)).toMatchObject({ status: 'cancelled', error: 'Never mind', outputBytes: 0 })
    expect(run.recorded.events.some(({ kind }) => kind === 'started')).toBe(false)
  })

  test('A command is not started when mayStart returns false directly before the start', async () => {
    const file = path.join(temporaryFolder(), 'started')
    const recorded = recorder()
    const exit = await adaptersWith().start('process', jobWith(shellCommand(`echo > ${file}`)), { ...recorded, mayStart: () => false })
      .outcome
    expect(exit).toMatchObject({ status: 'cancelled', errorCode: 'cancelled', exitCode: null })
    expect(recorded.events.map(({ kind }) => kind)).toEqual(['invoked'])
    expect(existsSync(file)).toBe(false)
  })

  test('A stop after the exit does not change the outcome', async () => {
    const run = startTestRun('process', shellCommand('exit 3'))
    const end = await outcomeOf(run)
    run.cancel('Too late')
    expect(await outcomeOf(run)).toEqual(end)
    expect(end).toMatchObject({ status: 'failed', exitCode: 3 })
  })

  test('A command that exceeds its time is ended and the run times out', async () => {
    const run = startTestRun('process', { ...shellCommand('echo hanging; sleep 60'), timeoutSec: 0.2 })
    expect(await outcomeOf(run)).toMatchObject({
      status: 'timed_out',
      errorCode: 'timeout',
      error: 'Timed out after 0.2 s',
      stdoutExcerpt: 'hanging\n',
    })
  })

  test('A command is killed after the grace period when it ignores SIGTERM, and a SIGSTOPped command ends at once', async () => {
    const ignoresSigterm = startTestRun('process', {
      ...shellCommand("trap '' TERM; echo ready; while :; do sleep 5; done"),
      graceSec: 0.2,
    })
    await ignoresSigterm.recorded.waitForText('ready')
    ignoresSigterm.cancel('Cancelled')
    expect(await outcomeOf(ignoresSigterm)).toMatchObject({ status: 'cancelled', signal: 'SIGKILL', exitCode: null })
    expect(ignoresSigterm.recorded.signals()).toEqual(['SIGTERM', 'SIGKILL'])

    const sleeping = startTestRun('process', shellCommand('echo ready; kill -STOP $$; echo woken'))
    await sleeping.recorded.waitForText('ready')
    sleeping.cancel('Cancelled')
    expect(await outcomeOf(sleeping)).toMatchObject({ status: 'cancelled' })
    expect(sleeping.recorded.signals()).toEqual(['SIGTERM'])
  })
})

describe('The processes that a command started', () => {
  const grandchildIgnoringSigterm = `sh -c 'trap "" TERM; echo $$ ignoring; while :; do sleep 5; done' &`

  test('Child processes end with the command, even when they ignore SIGTERM', async () => {
    const run = startTestRun('process', {
      ...shellCommand(`${grandchildIgnoringSigterm} sleep 60 & echo $!; echo ready; wait`),
      graceSec: 0.2,
    })
    await run.recorded.waitForText('ready')
    await run.recorded.waitForText('ignoring')
    run.cancel('Cancelled')
    await run.outcome
    const pids = pidsIn(run.recorded.text('stdout'))
    expect(pids).toHaveLength(2)
    expect(pids.filter(isAlive)).toEqual([])
  })

  test('A child process in a session of its own ends with the command', async () => {
    const run = startTestRun('process', { ...shellCommand('setsid sh -c "echo \\$\\$; exec sleep 60" & wait'), graceSec: 0.2 })
    await run.recorded.waitForText('\n')
    const [pid = 0] = pidsIn(run.recorded.text('stdout'))
    expect(isAlive(pid)).toBe(true)
    run.cancel('Cancelled')
    await run.outcome
    expect(isAlive(pid)).toBe(false)
  })

  test('A child process that leaves its session and its environment ends with a cancelled run', async () => {
    const script = 'sh -c "setsid env -i sh -c \\"echo \\\\\\$\\\\\\$; exec sleep 60\\" & sleep 2" & sleep 60'
    const run = startTestRun('process', { ...shellCommand(script), graceSec: 0.2 })
    await run.recorded.waitForText('\n')
    const [pid = 0] = pidsIn(run.recorded.text('stdout'))
    expect(isAlive(pid)).toBe(true)
    run.cancel('Cancelled')
    await run.outcome
    expect(isAlive(pid)).toBe(false)
  })

  test('A child process does not outlive the ordinary exit of the command', async () => {
    const run = startTestRun('process', {
      ...shellCommand(
        `mkfifo "$1"; sh -c 'trap "" TERM; echo $$; : > "$1"; while :; do sleep 5; done' sh "$1" & read x < "$1"; exit 0`,
        path.join(temporaryFolder(), 'ready'),
      ),
      graceSec: 0.2,
    })
    expect(await outcomeOf(run)).toMatchObject({ status: 'succeeded', exitCode: 0 })
    const [pid = 0] = pidsIn(run.recorded.text('stdout'))
    expect(pid).toBeGreaterThan(0)
    expect(isAlive(pid)).toBe(false)
    expect(run.recorded.signals()).toEqual(['SIGTERM', 'SIGKILL'])
  })

  test('A child process that leaves the group ends with the ordinary exit of the command, and the run notes it (K61)', async () => {
    const run = startTestRun(
      'process',
      shellCommand(
        `mkfifo "$1"; setsid sh -c 'echo $$; : > "$1"; exec sleep 60' sh "$1" & read x < "$1"; exit 0`,
        path.join(temporaryFolder(), 'ready'),
      ),
    )
    const end = await outcomeOf(run)
    const [pid = 0] = pidsIn(end.stdoutExcerpt)
    expect(end.status).toBe('succeeded')
    expect(pid).toBeGreaterThan(0)
    expect(isAlive(pid)).toBe(false)
    expect(run.recorded.signals()).toContain('SIGTERM')
    expect(run.recorded.text('system')).toBe('')
  })

  test('A child process that hides from the server and outlives the command by its output is noted on the run (K61)', async () => {
    const run = startTestRun(
      'process',
      shellCommand(
        `mkfifo "$1"; (setsid env -i sh -c 'echo $$; : > "$1"; exec sleep 60' sh "$1" &); read x < "$1"; exit 0`,
        path.join(temporaryFolder(), 'ready'),
      ),
    )
    const end = await outcomeOf(run)
    const [pid = 0] = pidsIn(end.stdoutExcerpt)
    expect(end.status).toBe('succeeded')
    expect(pid).toBeGreaterThan(0)
    onTestFinished(() => void process.kill(pid, 'SIGKILL'))
    expect(isAlive(pid)).toBe(true)
    expect(run.recorded.text('system')).toContain('still holds its output')
  })
})

describe('A command that writes much output', () => {
  test('Output is delivered up to the cap and counted beyond it, and the excerpt contains its end', async () => {
    const run = startTestRun('process', shellCommand('yes 0123456 | head -c 20000000; echo; echo the end'))
    const end = await outcomeOf(run)
    expect(end).toMatchObject({ status: 'succeeded', outputBytes: 20_000_009, droppedBytes: 20_000_009 - 8 * 1024 * 1024 })
    expect(Buffer.byteLength(run.recorded.text('stdout'))).toBe(8 * 1024 * 1024)
    expect(run.recorded.chunks.filter(({ stream }) => stream === 'system')).toHaveLength(1)
    expect(run.recorded.events.filter(({ kind }) => kind === 'output_capped')).toHaveLength(1)
    expect(Buffer.byteLength(end.stdoutExcerpt)).toBe(8 * 1024)
    expect(end.stdoutExcerpt.endsWith('0123456\n\nthe end\n')).toBe(true)
  })

  test('A command that writes without pause is ended at its deadline', async () => {
    const run = startTestRun('process', { command: 'yes', timeoutSec: 0.2 }, {}, { outputLimitBytes: 1000 })
    expect(await outcomeOf(run)).toMatchObject({ status: 'timed_out' })
    expect(Buffer.byteLength(run.recorded.text('stdout'))).toBe(1000)
  })

  test('A command waits for a slow listener, and its run ends although the listener is stuck', async () => {
    let received = (): void => {}
    const first = new Promise<void>((resolve) => {
      received = resolve
    })
    const stuck: RunListener = {
      async output() {
        received()
        await new Promise(() => {})
      },
      event: () => {},
    }
    const run = adaptersWith({ drainMs: 100 }).start('process', jobWith({ command: 'yes' }), stuck)
    await first
    run.cancel('Cancelled')
    const end = expectFinished(await run.outcome)
    expect(end.status).toBe('cancelled')
    // One read of a pipe: nothing more was read while the listener did not take the chunk.
    expect(end.outputBytes).toBeLessThanOrEqual(64 * 1024)
  })

  test('A listener that throws does not end the run', async () => {
    const broken: RunListener = {
      output: () => Promise.reject(new Error('no')),
      event() {
        throw new Error('no')
      },
    }
    const run = adaptersWith().start('process', jobWith(shellCommand('echo out; exit 4')), broken)
    expect(await outcomeOf(run)).toMatchObject({ status: 'failed', exitCode: 4, stdoutExcerpt: 'out\n' })
  })
})
