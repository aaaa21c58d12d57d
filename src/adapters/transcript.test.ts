import { describe, expect, test } from 'vitest'
import { codexJson, emptyTranscript, geminiJson, opencodeJson, piJson, streamJson } from './transcript.ts'
import type { Transcript, TranscriptParser } from './transcript.ts'

const read = (parser: TranscriptParser, lines: readonly object[]): Transcript => {
  const transcript = emptyTranscript()
  for (const line of lines) parser(transcript, JSON.stringify(line), 'stdout')
  return transcript
}

describe('The usage in the output of Claude Code', () => {
  const init = (apiKeySource: string) => ({
    type: 'system',
    subtype: 'init',
    cwd: '/work',
    session_id: '1ae0af5b-89fa-4075-8156-d5d3702f6505',
    tools: ['Bash', 'Read'],
    mcp_servers: [],
    model: 'claude-sonnet-4-5-20250929',
    permissionMode: 'bypassPermissions',
    apiKeySource,
  })
  const result = {
    type: 'result',
    subtype: 'success',
    is_error: false,
    num_turns: 3,
    result: 'Done.',
    session_id: '1ae0af5b-89fa-4075-8156-d5d3702f6505',
    total_cost_usd: 0.0512,
    usage: {
      input_tokens: 12,
      cache_creation_input_tokens: 5310,
      cache_read_input_tokens: 41_002,
      output_tokens: 980,
      server_tool_use: { web_search_requests: 0 },
      service_tier: 'standard',
    },
  }
  const sonnet = { inputTokens: 12, outputTokens: 980, cacheReadInputTokens: 41_002, cacheCreationInputTokens: 5310, costUSD: 0.05 }
  const haiku = { inputTokens: 700, outputTokens: 100, cacheReadInputTokens: 0, cacheCreationInputTokens: 0, costUSD: 0.0012 }
  const limits = (isUsingOverage: boolean) => ({
    type: 'rate_limit_event',
    rate_limit_info: { status: 'allowed', resetsAt: 1_771_390_800, rateLimitType: 'five_hour', overageStatus: 'rejected', isUsingOverage },
  })

  test('A run with several models reports the usage of each and their sum', () => {
    const modelUsage = { 'claude-sonnet-4-5-20250929': sonnet, 'claude-haiku-4-5-20251001': haiku }
    expect(read(streamJson, [init('ANTHROPIC_API_KEY'), { ...result, modelUsage }]).usage).toEqual({
      inputTokens: 6022,
      cachedInputTokens: 41_002,
      outputTokens: 1080,
      costUsd: 0.0512,
      model: 'claude-sonnet-4-5-20250929',
      billingType: 'metered_api',
      models: [
        { model: 'claude-sonnet-4-5-20250929', inputTokens: 5322, cachedInputTokens: 41_002, outputTokens: 980, costUsd: 0.05 },
        { model: 'claude-haiku-4-5-20251001', inputTokens: 700, cachedInputTokens: 0, outputTokens: 100, costUsd: 0.0012 },
      ],
    })
  })

  test('The counts of one model contain those of the agents that the agent started', () => {
    const modelUsage = { 'claude-sonnet-4-5-20250929': { ...sonnet, outputTokens: 5000 } }
    const { usage } = read(streamJson, [init('none'), { ...result, modelUsage }])
    expect(usage).toEqual({ inputTokens: 5322, cachedInputTokens: 41_002, outputTokens: 5000, costUsd: 0.0512, model: init('').model })
  })

  test.each([
    ['oauth', [], 'subscription_included'],
    ['none', [limits(false)], 'subscription_included'],
    ['none', [limits(false), limits(true), limits(false)], 'subscription_overage'],
    ['ANTHROPIC_API_KEY', [limits(false)], 'metered_api'],
    ['none', [], undefined],
    ['--hostile', [], undefined],
  ])('A run whose key is of %s is billed as its lines show', (source, lines, expected) => {
    expect(read(streamJson, [init(source), ...lines, result]).usage?.billingType).toBe(expected)
  })

  test.each([null, 7, [], { '': sonnet }, { m: null }])('The form %j of the usage by model is ignored', (modelUsage) => {
    expect(read(streamJson, [{ ...result, modelUsage: modelUsage as never }]).usage).toMatchObject({ costUsd: 0.0512 })
  })
})

describe('The usage in the output of other programs', () => {
  test('Codex counts on from turn to turn, so its last report counts, without the cached input and with its thread', () => {
    const turn = (input: number, cached: number, output: number) => ({
      type: 'turn.completed',
      usage: { input_tokens: input, cached_input_tokens: cached, output_tokens: output, reasoning_output_tokens: 64 },
    })
    const { usage } = read(codexJson, [
      { type: 'thread.started', thread_id: '0199a213-81c0-7800-8aa1-bbab2a035a53' },
      { type: 'turn.started' },
      turn(18_080, 11_008, 122),
      turn(36_197, 28_032, 300),
    ])
    const ofSession = '0199a213-81c0-7800-8aa1-bbab2a035a53'
    expect(usage).toEqual({ inputTokens: 8165, cachedInputTokens: 28_032, outputTokens: 300, costUsd: null, model: null, ofSession })
  })

  test('The thoughts of Gemini are output, which only its total contains', () => {
    const stats = {
      total_tokens: 15_700,
      input_tokens: 15_000,
      output_tokens: 200,
      cached: 9000,
      input: 6000,
      duration_ms: 900,
      tool_calls: 2,
    }
    const lines = [
      { type: 'init', session_id: 's', model: 'gemini-2.5-pro' },
      { type: 'result', status: 'success', stats },
    ]
    expect(read(geminiJson, lines).usage).toEqual({
      inputTokens: 6000,
      cachedInputTokens: 9000,
      outputTokens: 700,
      costUsd: null,
      model: 'gemini-2.5-pro',
    })
  })

  test('Tokens that OpenCode and Pi wrote to a cache are input, and Pi names its provider', () => {
    const tokens = { input: 4, output: 2, reasoning: 1, cache: { read: 3, write: 50 } }
    expect(read(opencodeJson, [{ type: 'step_finish', sessionID: 's', part: { cost: 0.5, tokens } }]).usage?.inputTokens).toBe(54)
    const usage = { input: 4, output: 2, cacheRead: 3, cacheWrite: 50, totalTokens: 59, cost: { total: 0.5 } }
    const message = { role: 'assistant', provider: 'anthropic', model: 'claude-opus-4-5', stopReason: 'stop', content: [], usage }
    expect(read(piJson, [{ type: 'message_end', message }]).usage).toMatchObject({ inputTokens: 54, provider: 'anthropic' })
  })
})
