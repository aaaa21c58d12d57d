import type { BillingType } from '../model/money.ts'
import type { Counts, Usage } from './adapter.ts'
import { amountAt, valueAt, countAt, parseObject, saturatingSum, textAt } from './json.ts'
import { firstBytes, toStorableText } from './text.ts'

/** The report of a command about its run so far. */
export interface Transcript {
  sessionId: string | null
  /** Null until the command reported any. */
  usage: Usage | null
  model: string | null
  /** How the calls are paid for; null while the program has not said it. */
  billingType: BillingType | null
  /** The last message of the agent. */
  summary: string | null
  /** The reason for a failure, as the agent reported it. */
  failure: string | null
  /** The agent wrote or did something in this run. A program that only reports that it cannot continue has not. */
  hasWorked: boolean
}

/** Reads one line of output into the transcript. */
export type TranscriptParser = (transcript: Transcript, line: string, stream: 'stdout' | 'stderr') => void

export const emptyTranscript = (): Transcript => ({
  sessionId: null,
  usage: null,
  model: null,
  billingType: null,
  summary: null,
  failure: null,
  hasWorked: false,
})

/** Whether a run cost nothing: its agent did nothing, and it reported no usage or a usage of zeros. */
export const spentNothing = ({ usage, hasWorked }: Transcript): boolean =>
  !hasWorked && (usage === null || usage.inputTokens + usage.cachedInputTokens + usage.outputTokens + (usage.costUsd ?? 0) === 0)

const SUMMARY_BYTES = 16 * 1024
/**
 * A session id becomes an argument of the next run, and the agent's program writes it. So it must be a name, neither a flag nor
 * a path (I18).
 */
const sessionIdPattern = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/
export const sessionIdFrom = (text: string | null): string | null => (text !== null && sessionIdPattern.test(text) ? text : null)

const jsonEventParser =
  (onEvent: (transcript: Transcript, type: string, event: unknown) => void): TranscriptParser =>
  (transcript, line, stream) => {
    if (stream !== 'stdout') return
    const event = parseObject(line)
    if (event !== null) onEvent(transcript, textAt(event, 'type') ?? '', event)
  }

function setSession(transcript: Transcript, id: string | null): void {
  transcript.sessionId = sessionIdFrom(id) ?? transcript.sessionId
}

function setSummary(transcript: Transcript, text: string | null): void {
  if (text !== null && text.trim() !== '') transcript.summary = firstBytes(text, SUMMARY_BYTES)
}

/** The text parts of a message, joined. */
function textOf(content: unknown): string | null {
  if (!Array.isArray(content)) return null
  return content.map((part) => (textAt(part, 'type') === 'text' ? (textAt(part, 'text') ?? '') : '')).join('')
}

/** The texts of a list, one on a line; null where there are none. */
function linesOf(list: unknown): string | null {
  const lines = Array.isArray(list) ? list.filter((line) => typeof line === 'string' && line.trim() !== '') : []
  return lines.length === 0 ? null : lines.join('\n')
}

/** Facts about the usage beside the counts, where a program states them. */
type UsageFacts = Pick<Usage, 'provider' | 'models' | 'ofSession'>

function setUsage(transcript: Transcript, counts: Counts, facts: UsageFacts = {}): void {
  const { model, billingType } = transcript
  transcript.usage = { ...counts, model, ...(billingType === null ? {} : { billingType }), ...facts }
}

/** Counts of a program whose input contains what was read from the cache. */
const withoutCached = (input: number, cachedInputTokens: number): Pick<Counts, 'inputTokens' | 'cachedInputTokens'> => ({
  inputTokens: Math.max(0, input - cachedInputTokens),
  cachedInputTokens,
})

/** For programs that report the usage of each step. */
function addUsage(transcript: Transcript, step: Counts, facts: UsageFacts = {}): void {
  const before = transcript.usage
  const costs = [before?.costUsd, step.costUsd].filter((cost) => typeof cost === 'number')
  const sums = {
    inputTokens: saturatingSum(before?.inputTokens ?? 0, step.inputTokens),
    cachedInputTokens: saturatingSum(before?.cachedInputTokens ?? 0, step.cachedInputTokens),
    outputTokens: saturatingSum(before?.outputTokens ?? 0, step.outputTokens),
    costUsd: costs.length === 0 ? null : costs.reduce((total, cost) => total + cost, 0),
  }
  setUsage(transcript, sums, facts)
}

/** Where Claude Code found a key, by its own names. Without a key it may use a subscription or a cloud, and does not say which. */
const keySources: ReadonlySet<string> = new Set([
  'user',
  'project',
  'org',
  'temporary',
  'ANTHROPIC_API_KEY',
  'apiKeyHelper',
  '/login managed key',
])

/** Claude Code reports the limits of a subscription only to those who pay with one. Use beyond it is paid for. */
function setBilling(transcript: Transcript, type: string, event: unknown): void {
  const source = type === 'system' ? textAt(event, 'apiKeySource') : null
  if (source === 'oauth') transcript.billingType = 'subscription_included'
  if (source !== null && keySources.has(source)) transcript.billingType = 'metered_api'
  if (type !== 'rate_limit_event' || transcript.billingType === 'metered_api') return
  if (valueAt(event, 'rate_limit_info', 'isUsingOverage') === true) transcript.billingType = 'subscription_overage'
  else transcript.billingType ??= 'subscription_included'
}

/** The usage by model, which Claude Code writes in camel case: beside its main model it uses smaller ones. */
function modelUsageOf(event: unknown): (Counts & { readonly model: string })[] {
  const byModel = valueAt(event, 'modelUsage')
  if (typeof byModel !== 'object' || byModel === null) return []
  return Object.entries(byModel).flatMap(([name, counts]) => {
    const model = toStorableText(name)
    return model === '' ? [] : [{ model, ...streamCounts(counts), costUsd: amountAt(counts, 'costUSD') }]
  })
}

/** Tokens that are written to the cache are input, and no other field counts them. */
const streamCounts = (usage: unknown): Omit<Counts, 'costUsd'> => ({
  inputTokens: ['input_tokens', 'cache_creation_input_tokens', 'inputTokens', 'cacheCreationInputTokens', 'cacheWriteTokens']
    .map((name) => countAt(usage, name))
    .reduce(saturatingSum, 0),
  cachedInputTokens: countAt(usage, 'cache_read_input_tokens') + countAt(usage, 'cacheReadTokens') + countAt(usage, 'cacheReadInputTokens'),
  outputTokens: countAt(usage, 'output_tokens') + countAt(usage, 'outputTokens'),
})

/**
 * The usage in a result. The counts of the result itself leave out those of the agents that the agent started; the counts by model
 * contain them.
 */
function setStreamUsage(transcript: Transcript, event: unknown): void {
  const usage = valueAt(event, 'usage')
  const models = modelUsageOf(event)
  if (usage === undefined && models.length === 0) return
  const sumOf = (name: 'inputTokens' | 'cachedInputTokens' | 'outputTokens'): number =>
    models.map((part) => part[name]).reduce(saturatingSum, 0)
  const sums = { inputTokens: sumOf('inputTokens'), cachedInputTokens: sumOf('cachedInputTokens'), outputTokens: sumOf('outputTokens') }
  const counts = { ...(models.length === 0 ? streamCounts(usage) : sums), costUsd: amountAt(event, 'total_cost_usd') }
  setUsage(transcript, counts, models.length < 2 ? {} : { models })
}

/** `--output-format stream-json` of Claude Code and of the Cursor CLI, which writes usage in camel case. */
export const streamJson = jsonEventParser((transcript, type, event) => {
  setSession(transcript, textAt(event, 'session_id'))
  transcript.model = textAt(event, 'model') ?? transcript.model
  setBilling(transcript, type, event)
  if (type === 'assistant') setSummary(transcript, textOf(valueAt(event, 'message', 'content')))
  // Claude Code writes its own error messages as messages of the model `<synthetic>`.
  if (type === 'assistant' && textAt(event, 'message', 'model') !== '<synthetic>') transcript.hasWorked = true
  if (type !== 'result') return
  setStreamUsage(transcript, event)
  const resultText = textAt(event, 'result')
  setSummary(transcript, resultText)
  transcript.failure =
    valueAt(event, 'is_error') === true
      ? (resultText ?? linesOf(valueAt(event, 'errors')) ?? textAt(event, 'subtype') ?? 'The agent reported an error')
      : null
})

/** `codex exec --json`. */
export const codexJson = jsonEventParser((transcript, type, event) => {
  if (type === 'thread.started') setSession(transcript, textAt(event, 'thread_id'))
  if (type === 'item.completed' && textAt(event, 'item', 'type') === 'agent_message') setSummary(transcript, textAt(event, 'item', 'text'))
  if (type.startsWith('item.') && textAt(event, 'item', 'type') !== 'error') transcript.hasWorked = true
  // Codex reports a lost connection as an error and then reconnects: an error is a failure only when no completed turn follows.
  if (type === 'error') transcript.failure = textAt(event, 'message') ?? 'The agent reported an error'
  if (type === 'turn.failed') transcript.failure = textAt(event, 'error', 'message') ?? 'The turn failed'
  if (type !== 'turn.completed') return
  transcript.failure = null
  // Codex counts on from turn to turn, and when it resumes a thread.
  const counts = withoutCached(countAt(event, 'usage', 'input_tokens'), countAt(event, 'usage', 'cached_input_tokens'))
  const ofThread = transcript.sessionId === null ? {} : { ofSession: transcript.sessionId }
  setUsage(transcript, { ...counts, outputTokens: countAt(event, 'usage', 'output_tokens'), costUsd: null }, ofThread)
})

/** `gemini --output-format stream-json`. */
export const geminiJson = jsonEventParser((transcript, type, event) => {
  if (type === 'init') {
    setSession(transcript, textAt(event, 'session_id'))
    transcript.model = textAt(event, 'model')
  }
  // The deltas of one message follow each other; a tool call lies between two messages.
  if (type === 'message' && textAt(event, 'role') === 'assistant')
    setSummary(transcript, (transcript.summary ?? '') + (textAt(event, 'content') ?? ''))
  if (type === 'tool_use') transcript.summary = null
  if (type === 'tool_use' || (type === 'message' && textAt(event, 'role') === 'assistant')) transcript.hasWorked = true
  if (type !== 'result') return
  const input = countAt(event, 'stats', 'input_tokens')
  // Thoughts are billed as output, and only the total contains them.
  const outputTokens = Math.max(countAt(event, 'stats', 'output_tokens'), countAt(event, 'stats', 'total_tokens') - input)
  setUsage(transcript, { ...withoutCached(input, countAt(event, 'stats', 'cached')), outputTokens, costUsd: null })
  transcript.failure = textAt(event, 'status') === 'error' ? (textAt(event, 'error', 'message') ?? 'The agent reported an error') : null
})

/** `opencode run --format json`. */
export const opencodeJson = jsonEventParser((transcript, type, event) => {
  setSession(transcript, textAt(event, 'sessionID'))
  if (type === 'text') setSummary(transcript, textAt(event, 'part', 'text'))
  if (type === 'text' || type === 'tool_use') transcript.hasWorked = true
  if (type === 'error')
    transcript.failure = textAt(event, 'error', 'data', 'message') ?? textAt(event, 'error', 'name') ?? 'The agent reported an error'
  if (type !== 'step_finish') return
  addUsage(transcript, {
    inputTokens: saturatingSum(countAt(event, 'part', 'tokens', 'input'), countAt(event, 'part', 'tokens', 'cache', 'write')),
    cachedInputTokens: countAt(event, 'part', 'tokens', 'cache', 'read'),
    outputTokens: saturatingSum(countAt(event, 'part', 'tokens', 'output'), countAt(event, 'part', 'tokens', 'reasoning')),
    costUsd: amountAt(event, 'part', 'cost'),
  })
})

/** `pi --mode json`. */
export const piJson = jsonEventParser((transcript, type, event) => {
  if (type === 'session') setSession(transcript, textAt(event, 'id'))
  if (type !== 'message_end' || textAt(event, 'message', 'role') !== 'assistant') return
  transcript.model = textAt(event, 'message', 'model') ?? transcript.model
  setSummary(transcript, textOf(valueAt(event, 'message', 'content')))
  const provider = textAt(event, 'message', 'provider')
  const usage = valueAt(event, 'message', 'usage')
  const step = {
    inputTokens: saturatingSum(countAt(usage, 'input'), countAt(usage, 'cacheWrite')),
    cachedInputTokens: countAt(usage, 'cacheRead'),
    outputTokens: countAt(usage, 'output'),
    costUsd: amountAt(usage, 'cost', 'total'),
  }
  addUsage(transcript, step, provider === null ? {} : { provider })
  transcript.hasWorked ||= textAt(event, 'message', 'stopReason') !== 'error'
  // Pi retries a failed request: the last message decides.
  transcript.failure =
    textAt(event, 'message', 'stopReason') === 'error' ? (textAt(event, 'message', 'errorMessage') ?? 'The agent reported an error') : null
})

const sessionLine = /^session_id:\s*(\S+)\s*$/i

/** `hermes chat --quiet`: the answer as text, and one line with the session id. */
export const hermesText: TranscriptParser = (transcript, line, stream) => {
  const session = sessionLine.exec(line.trim())?.[1]
  // Hermes names its session at the end of an answer, and not when it cannot continue one.
  if (session !== undefined) {
    setSession(transcript, session)
    transcript.hasWorked = true
  } else if (stream === 'stdout') setSummary(transcript, transcript.summary === null ? line : `${transcript.summary}\n${line}`)
}
