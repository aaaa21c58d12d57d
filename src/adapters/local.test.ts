import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Usage } from './adapter.ts'
import type { AdapterType } from '../model/adapterTypes.ts'
import { TOKEN, waitForExit, outcomeOf, executable, pidsIn, startTestRun, temporaryFolder, splitWords } from './testKit.ts'

const localTypes = ['claude_local', 'codex_local', 'gemini_local', 'opencode_local', 'cursor', 'pi_local', 'hermes_local'] as const

interface ProgramCase {
  readonly type: AdapterType
  /** The output of the program, in the form of its documentation. */
  readonly lines: readonly unknown[]
  readonly config: Record<string, unknown>
  readonly args: readonly string[]
  readonly resumed: readonly string[]
  readonly usage: Usage | null
  readonly summary: string
}

const programCases: readonly ProgramCase[] = [
  {
    type: 'claude_local',
    lines: [
      { type: 'system', subtype: 'init', session_id: 's-1', model: 'opus' },
      { type: 'assistant', session_id: 's-1', message: { content: [{ type: 'text', text: 'Working' }, { type: 'tool_use' }] } },
      {
        type: 'result',
        subtype: 'success',
        is_error: false,
        result: 'Done.',
        session_id: 's-1',
        total_cost_usd: 0.25,
        usage: { input_tokens: 10, cache_creation_input_tokens: 5, cache_read_input_tokens: 100, output_tokens: 7 },
      },
    ],
    config: { model: 'opus', effort: 'high', maxTurnsPerRun: 5, dangerouslySkipPermissions: true, extraArgs: ['--add-dir', '/x'] },
    args: [
      ...splitWords('--print - --output-format stream-json --verbose --model opus --effort high --max-turns 5'),
      ...splitWords('--dangerously-skip-permissions --add-dir /x'),
    ],
    resumed: ['--print', '-', '--output-format', 'stream-json', '--verbose', '--resume', 'before-1'],
    usage: { inputTokens: 15, cachedInputTokens: 100, outputTokens: 7, costUsd: 0.25, model: 'opus' },
    summary: 'Done.',
  },
  {
    type: 'codex_local',
    lines: [
      { type: 'thread.started', thread_id: 's-1' },
      { type: 'error', message: 'Reconnecting... 1/5' },
      { type: 'item.completed', item: { type: 'reasoning', text: 'hm' } },
      { type: 'item.completed', item: { type: 'agent_message', text: 'Done.' } },
      { type: 'turn.completed', usage: { input_tokens: 10, cached_input_tokens: 4, output_tokens: 7 } },
    ],
    config: { model: 'gpt-5', modelReasoningEffort: 'high', search: true, dangerouslyBypassApprovalsAndSandbox: true },
    args: [
      ...splitWords('--search exec --json --model gpt-5 -c model_reasoning_effort="high"'),
      ...splitWords('--dangerously-bypass-approvals-and-sandbox -'),
    ],
    resumed: ['exec', '--json', 'resume', 'before-1', '-'],
    usage: { inputTokens: 6, cachedInputTokens: 4, outputTokens: 7, costUsd: null, model: 'gpt-5', ofSession: 's-1' },
    summary: 'Done.',
  },
  {
    type: 'gemini_local',
    lines: [
      { type: 'init', session_id: 's-1', model: 'gemini-3' },
      { type: 'message', role: 'user', content: 'Continue' },
      { type: 'message', role: 'assistant', content: 'Let me look', delta: true },
      { type: 'tool_use', tool_name: 'read' },
      { type: 'message', role: 'assistant', content: 'Do', delta: true },
      { type: 'message', role: 'assistant', content: 'ne.', delta: true },
      { type: 'result', status: 'success', stats: { input_tokens: 10, output_tokens: 7, cached: 4 } },
    ],
    config: { model: 'gemini-3', yolo: true, sandbox: true },
    args: ['--output-format', 'stream-json', '--model', 'gemini-3', '--sandbox', '--approval-mode', 'yolo'],
    resumed: ['--output-format', 'stream-json', '--resume', 'before-1'],
    usage: { inputTokens: 6, cachedInputTokens: 4, outputTokens: 7, costUsd: null, model: 'gemini-3' },
    summary: 'Done.',
  },
  {
    type: 'opencode_local',
    lines: [
      { type: 'step_start', sessionID: 's-1', part: {} },
      { type: 'step_finish', sessionID: 's-1', part: { cost: 0.5, tokens: { input: 4, output: 2, reasoning: 1, cache: { read: 3 } } } },
      { type: 'text', sessionID: 's-1', part: { type: 'text', text: 'Done.' } },
      { type: 'step_finish', sessionID: 's-1', part: { cost: 0.25, tokens: { input: 6, output: 4, reasoning: 0, cache: { read: 1 } } } },
    ],
    config: { model: 'anthropic/opus', variant: 'high' },
    args: ['run', '--format', 'json', '--model', 'anthropic/opus', '--variant', 'high'],
    resumed: ['run', '--format', 'json', '--session', 'before-1'],
    usage: { inputTokens: 10, cachedInputTokens: 4, outputTokens: 7, costUsd: 0.75, model: 'anthropic/opus' },
    summary: 'Done.',
  },
  {
    type: 'cursor',
    lines: [
      { type: 'system', subtype: 'init', session_id: 's-1', model: 'composer' },
      { type: 'assistant', message: { content: [{ type: 'text', text: 'Working' }] }, session_id: 's-1' },
      {
        type: 'result',
        subtype: 'success',
        is_error: false,
        result: 'Done.',
        session_id: 's-1',
        usage: { inputTokens: 10, outputTokens: 7, cacheReadTokens: 4 },
      },
    ],
    config: { model: 'composer', mode: 'plan', yolo: true },
    args: ['--print', '--output-format', 'stream-json', '--model', 'composer', '--mode', 'plan', '--force'],
    resumed: ['--print', '--output-format', 'stream-json', '--resume', 'before-1'],
    usage: { inputTokens: 10, cachedInputTokens: 4, outputTokens: 7, costUsd: null, model: 'composer' },
    summary: 'Done.',
  },
  {
    type: 'pi_local',
    lines: [
      { type: 'session', version: 3, id: 's-1', cwd: '/x' },
      {
        type: 'message_end',
        message: {
          role: 'assistant',
          model: 'opus',
          stopReason: 'error',
          errorMessage: 'overloaded',
          content: [],
          usage: { input: 1, output: 0, cacheRead: 0, cost: { total: 0.25 } },
        },
      },
      {
        type: 'message_end',
        message: {
          role: 'assistant',
          model: 'opus',
          stopReason: 'stop',
          content: [{ type: 'text', text: 'Done.' }],
          usage: { input: 9, output: 7, cacheRead: 4, cost: { total: 0.5 } },
        },
      },
      { type: 'agent_end', messages: [] },
    ],
    config: { model: 'opus', provider: 'anthropic', thinking: 'low' },
    args: ['--print', '--mode', 'json', '--provider', 'anthropic', '--model', 'opus', '--thinking', 'low'],
    resumed: ['--print', '--mode', 'json', '--session', 'before-1'],
    usage: { inputTokens: 10, cachedInputTokens: 4, outputTokens: 7, costUsd: 0.75, model: 'opus' },
    summary: 'Done.',
  },
  {
    type: 'hermes_local',
    lines: ['First line', 'Done.', 'session_id: s-1'],
    config: { model: 'opus', provider: 'nous', yolo: true },
    args: ['chat', '--quiet', '--provider', 'nous', '--model', 'opus', '--yolo', '--query=Continue with your work.'],
    resumed: ['chat', '--quiet', '--resume', 'before-1', '--query=Continue with your work.'],
    usage: null,
    summary: 'First line\nDone.',
  },
]

/** A program that records its arguments and its input, and prints given lines. */
function fakeProgram(lines: readonly unknown[], exitCode = 0, before = ''): string {
  const command = executable(`printf '%s\\0' "$@" > "$0.args"; cat > "$0.input"; ${before} cat "$0.lines"; exit ${exitCode}`)
  writeFileSync(`${command}.lines`, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''))
  return command
}
const argsOf = (command: string): string[] => readFileSync(`${command}.args`, 'utf8').split('\0').slice(0, -1)
const inputOf = (command: string): string => readFileSync(`${command}.input`, 'utf8')

describe.each(programCases)('$type', ({ type, lines, config, args, resumed, usage, summary }) => {
  test('The program receives its prompt, and the run reports usage, session and summary', async () => {
    const command = fakeProgram(lines)
    const run = startTestRun(type, { ...config, command })
    expect(await outcomeOf(run)).toMatchObject({ status: 'succeeded', errorCode: null, usage, sessionIdAfter: 's-1', result: { summary } })
    expect(argsOf(command)).toEqual(args)
    expect(inputOf(command)).toBe(type === 'hermes_local' ? '' : 'Continue with your work.')
    expect(run.recorded.text('stdout')).toContain('s-1')
  })

  test('The program continues the session of the run before', async () => {
    const command = fakeProgram([])
    expect(await outcomeOf(startTestRun(type, { command }, { sessionIdBefore: 'before-1' }))).toMatchObject({
      status: 'succeeded',
      sessionIdAfter: 'before-1',
    })
    expect(argsOf(command)).toEqual(resumed)
  })
})

describe.each(localTypes)('%s as a command', (type) => {
  test('The run fails with the exit code of the program, and when the program is not installed', async () => {
    expect(await outcomeOf(startTestRun(type, { command: fakeProgram([], 3) }))).toMatchObject({
      status: 'failed',
      exitCode: 3,
      errorCode: 'exit_nonzero',
    })
    expect(await outcomeOf(startTestRun(type, {}, {}, { environment: { PATH: temporaryFolder() } }))).toMatchObject({
      status: 'failed',
      errorCode: 'adapter_spawn_failed',
    })
  })

  test('A program that ignores SIGTERM is killed with its child processes when its time is over', async () => {
    const command = executable(`trap '' TERM; (while :; do sleep 5; done) & echo $$ $! ready; while :; do sleep 5; done`)
    const run = startTestRun(type, { command, timeoutSec: 0.15, graceSec: 0.1 })
    expect(await outcomeOf(run)).toMatchObject({ status: 'timed_out', errorCode: 'timeout', signal: 'SIGKILL' })
    for (const pid of pidsIn(run.recorded.text('stdout'))) await waitForExit(pid)
    expect(run.recorded.signals()).toEqual(['SIGTERM', 'SIGKILL'])
  })

  test('A cancelled run keeps the session that it had', async () => {
    const run = startTestRun(type, { command: executable('echo ready; sleep 60') }, { sessionIdBefore: 'before-1' })
    await run.recorded.waitForText('ready')
    run.cancel('Cancelled')
    expect(await outcomeOf(run)).toMatchObject({ status: 'cancelled', errorCode: 'cancelled', sessionIdAfter: 'before-1' })
  })
})

describe('The report of a local agent', () => {
  test('The report is read even when the output exceeds the cap', async () => {
    const [{ lines } = { lines: [] }] = programCases
    const run = startTestRun(
      'claude_local',
      { command: fakeProgram(lines, 0, 'yes noise | head -c 300000;') },
      {},
      { outputLimitBytes: 1000 },
    )
    expect(await outcomeOf(run)).toMatchObject({ status: 'succeeded', sessionIdAfter: 's-1', usage: { outputTokens: 7 } })
    expect(Buffer.byteLength(run.recorded.text('stdout'))).toBe(1000)
  })

  test.each([
    ['claude_local', { type: 'result', subtype: 'error_during_execution', is_error: true, result: 'Credit balance is too low' }],
    ['codex_local', { type: 'turn.failed', error: { message: 'Credit balance is too low' } }],
    ['gemini_local', { type: 'result', status: 'error', error: { message: 'Credit balance is too low' }, stats: {} }],
    ['opencode_local', { type: 'error', error: { name: 'APIError', data: { message: 'Credit balance is too low' } } }],
    ['pi_local', { type: 'message_end', message: { role: 'assistant', stopReason: 'error', errorMessage: 'Credit balance is too low' } }],
  ] as const)('A run of %s fails when its program reports a failure, whatever its exit code is', async (type, line) => {
    for (const exitCode of [0, 1])
      expect(await outcomeOf(startTestRun(type, { command: fakeProgram([line], exitCode) }))).toMatchObject({
        status: 'failed',
        errorCode: 'adapter_reported_failure',
        error: 'Credit balance is too low',
        exitCode,
      })
  })

  /** How a program says that it cannot continue a session, each with a session of its own that it began instead. */
  const failedResumes: readonly [AdapterType, readonly unknown[]][] = [
    [
      'claude_local',
      [
        {
          type: 'result',
          subtype: 'error_during_execution',
          is_error: true,
          num_turns: 0,
          session_id: 's-2',
          usage: { input_tokens: 0, output_tokens: 0 },
          errors: ['No conversation found with session ID: before-1'],
        },
      ],
    ],
    ['claude_local', [{ type: 'assistant', message: { model: '<synthetic>', content: [{ type: 'text', text: 'Gone' }] } }]],
    [
      'codex_local',
      [
        { type: 'thread.started', thread_id: 's-2' },
        { type: 'turn.failed', error: { message: 'no rollout' } },
      ],
    ],
    [
      'gemini_local',
      [
        { type: 'init', session_id: 's-2' },
        { type: 'result', status: 'error', stats: { input_tokens: 0 } },
      ],
    ],
    ['opencode_local', [{ type: 'error', sessionID: 's-2', error: { name: 'NotFoundError' } }]],
    ['cursor', [{ type: 'result', is_error: true, session_id: 's-2', usage: { inputTokens: 0, outputTokens: 0 } }]],
    ['pi_local', [{ type: 'message_end', message: { role: 'assistant', stopReason: 'error', usage: { input: 0, output: 0 } } }]],
    ['hermes_local', ['Es gibt diese Sitzung nicht.']],
  ]
  test.each(failedResumes)(
    'A resumed session of %s with which its run fails at no cost is given up, whatever its words (K1)',
    async (...row) => {
      const [type, lines] = row
      const command = fakeProgram(lines, 1)
      expect(await outcomeOf(startTestRun(type, { command }, { sessionIdBefore: 'before-1' }))).toMatchObject({
        status: 'failed',
        errorCode: 'adapter_session_unknown',
        sessionIdAfter: null,
      })
    },
  )

  test('The failure that Claude Code lists in its errors is the error of the run (K1)', async () => {
    const [[, lines] = ['claude_local', []]] = failedResumes
    const { error } = (await outcomeOf(startTestRun('claude_local', { command: fakeProgram(lines, 1) }))) as { error: string }
    expect(error).toBe('No conversation found with session ID: before-1')
  })

  test.each(programCases)('A resumed session of $type with which its run failed after some work is kept (K1)', async ({ type, lines }) => {
    const command = fakeProgram(lines, 1)
    expect(await outcomeOf(startTestRun(type, { command }, { sessionIdBefore: 'before-1' }))).toMatchObject({
      status: 'failed',
      errorCode: 'exit_nonzero',
      sessionIdAfter: 'before-1',
    })
  })

  test('A program that cannot be started says nothing about its session (K1)', async () => {
    const run = startTestRun('claude_local', {}, { sessionIdBefore: 'before-1' }, { environment: { PATH: temporaryFolder() } })
    expect(await outcomeOf(run)).toMatchObject({ errorCode: 'adapter_spawn_failed' })
  })

  test.each(['--dangerously-skip-permissions', '../../etc/passwd', 'a b', '', 'x'.repeat(300)])(
    'A session id %j is invalid and is neither kept nor resumed (I18)',
    async (name) => {
      const command = fakeProgram([{ type: 'system', session_id: name }])
      const run = startTestRun('claude_local', { command }, { sessionIdBefore: name })
      expect(await outcomeOf(run)).toMatchObject({ status: 'succeeded', sessionIdAfter: null })
      expect(argsOf(command)).not.toContain('--resume')
    },
  )

  test('Hostile numbers, texts and forms in a report are limited to valid values', async () => {
    const command = fakeProgram([
      '{"type":"result","usage":{"input_tokens":1e308,"output_tokens":-5,"cache_read_input_tokens":"7"},"total_cost_usd":-1,"result":"a\\u0000b\\ud800"}',
      '{"type":"assistant","message":null}',
      '[1,2]',
      'null',
      '{"type":',
      `{"type":"assistant","message":{"content":[{"type":"text","text":"${'x'.repeat(1_100_000)}"}]}}`,
    ])
    expect(await outcomeOf(startTestRun('claude_local', { command }))).toMatchObject({
      status: 'succeeded',
      usage: { inputTokens: 2_147_483_647, outputTokens: 0, cachedInputTokens: 0, costUsd: null },
      result: { summary: 'a\uFFFDb\uFFFD' },
    })
  })
})

describe('The prompt of a local agent', () => {
  test('The prompt fills its template, after the instructions and, in a fresh session, the bootstrap template', async () => {
    const instructionsFilePath = path.join(temporaryFolder(), 'AGENTS.md')
    writeFileSync(instructionsFilePath, 'You are the CEO.')
    const config = {
      instructionsFilePath,
      bootstrapPromptTemplate: 'Welcome, {{agent.id}}.',
      promptTemplate: 'Run {{ runId }} for {{wakeReason}}: {{prompt}} {{unknown}}',
    }
    const command = fakeProgram([])
    const fresh = startTestRun('claude_local', { ...config, command }, { prompt: 'Do {{companyId}}' })
    await fresh.outcome
    const prompt = `Run ${fresh.job.runId} for issue_assigned: Do {{companyId}} `
    expect(inputOf(command)).toBe(`You are the CEO.\n\nWelcome, ${fresh.job.agentId}.\n\n${prompt}`)
    const next = startTestRun('claude_local', { ...config, promptTemplate: 'No place for it', command }, { sessionIdBefore: 'before-1' })
    await next.outcome
    expect(inputOf(command)).toBe('You are the CEO.\n\nNo place for it\n\nContinue with your work.')
  })

  test('The prompt cannot become a flag, and events do not show it as an argument', async () => {
    const command = fakeProgram([])
    const run = startTestRun('hermes_local', { command }, { prompt: '--yolo\0 secret plan' })
    expect(await outcomeOf(run)).toMatchObject({ status: 'succeeded' })
    expect(argsOf(command)).toEqual(['chat', '--quiet', '--query=--yolo secret plan'])
    expect(JSON.stringify(run.recorded.events)).not.toContain('secret plan')
  })

  test.each(localTypes)(
    'A prompt of 70,000 characters reaches %s whole, or cut with a note where it is an argument (K25)',
    async (type) => {
      // Three bytes a character: more than the system takes in one argument.
      const prompt = `first ${'語'.repeat(70_000)} last`
      const command = fakeProgram([])
      expect(await outcomeOf(startTestRun(type, { command }, { prompt }))).toMatchObject({ status: 'succeeded' })
      if (type !== 'hermes_local') return expect(inputOf(command)).toBe(prompt)
      const given = argsOf(command).at(-1) ?? ''
      expect(given).toMatch(/^--query=first 語/)
      expect(given).not.toContain('\uFFFD')
      expect(given).toMatch(/was cut, .* The rest: GET \$PAPERCLIP_API_URL\/api\/issues\/[-0-9a-f]+\/heartbeat-context\]$/)
      expect(Buffer.byteLength(given)).toBeLessThan(128 * 1024)
    },
  )

  test('A prompt on standard input may have megabytes, whether the program reads it or not', async () => {
    const prompt = 'x'.repeat(3_000_000)
    const command = fakeProgram([])
    await startTestRun('claude_local', { command }, { prompt }).outcome
    expect(inputOf(command)).toHaveLength(prompt.length)
    expect(await outcomeOf(startTestRun('claude_local', { command: executable('exit 0') }, { prompt }))).toMatchObject({
      status: 'succeeded',
    })
  })

  test('A run fails when the instructions file cannot be read', async () => {
    const file = executable('mkfifo "$0.fifo"')
    await startTestRun('process', { command: file }).outcome
    for (const instructionsFilePath of ['/no/such/file', `${file}.fifo`, '/dev/zero'])
      expect(await outcomeOf(startTestRun('claude_local', { command: fakeProgram([]), instructionsFilePath }))).toMatchObject({
        errorCode: 'adapter_spawn_failed',
      })
  })
})

test('The token that an agent prints is redacted in its result and in its output', async () => {
  const command = executable(`echo '{"type":"result","result":"key '$PAPERCLIP_API_KEY'"}'`)
  const run = startTestRun('claude_local', { command })
  const end = await outcomeOf(run)
  expect(end.result).toEqual({ summary: 'key ***REDACTED***' })
  expect(JSON.stringify([end, run.recorded.chunks])).not.toContain(TOKEN)
})
