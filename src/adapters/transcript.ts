import type { Usage } from './adapter.ts'
import { amountAt, at, countAt, objectIn, sum, textAt } from './json.ts'
import { firstBytes } from './text.ts'

/** What a command said about its run so far. */
export interface Heard {
  sessionId: string | null
  /** Null until the command reported any. */
  usage: Usage | null
  model: string | null
  /** What the agent said last. */
  summary: string | null
  /** Why the agent says it failed. */
  failure: string | null
}

/** Learns from one line of output. */
export type Dialect = (heard: Heard, line: string, stream: 'stdout' | 'stderr') => void

export const heardNothing = (): Heard => ({ sessionId: null, usage: null, model: null, summary: null, failure: null })

const SUMMARY_BYTES = 16 * 1024
/**
 * A session id becomes an argument of the next run and is written by the agent's program: a name it must be, neither a
 * flag nor a path (I18).
 */
const sessionName = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}$/
export const sessionIdFrom = (text: string | null): string | null => (text !== null && sessionName.test(text) ? text : null)

const events =
  (learn: (heard: Heard, type: string, event: unknown) => void): Dialect =>
  (heard, line, stream) => {
    if (stream !== 'stdout') return
    const event = objectIn(line)
    if (event !== null) learn(heard, textAt(event, 'type') ?? '', event)
  }

function hearSession(heard: Heard, id: string | null): void {
  heard.sessionId = sessionIdFrom(id) ?? heard.sessionId
}

function say(heard: Heard, text: string | null): void {
  if (text !== null && text.trim() !== '') heard.summary = firstBytes(text, SUMMARY_BYTES)
}

/** The text parts of a message, joined. */
function textOf(content: unknown): string | null {
  if (!Array.isArray(content)) return null
  return content.map((part) => (textAt(part, 'type') === 'text' ? (textAt(part, 'text') ?? '') : '')).join('')
}

type Counts = Pick<Usage, 'inputTokens' | 'cachedInputTokens' | 'outputTokens' | 'costUsd'>

function setUsage(heard: Heard, counts: Counts): void {
  heard.usage = { ...counts, model: heard.model }
}

/** For programs that report each step on its own. */
function addUsage(heard: Heard, step: Counts): void {
  const before = heard.usage
  const costs = [before?.costUsd, step.costUsd].filter((cost) => typeof cost === 'number')
  setUsage(heard, {
    inputTokens: sum(before?.inputTokens ?? 0, step.inputTokens),
    cachedInputTokens: sum(before?.cachedInputTokens ?? 0, step.cachedInputTokens),
    outputTokens: sum(before?.outputTokens ?? 0, step.outputTokens),
    costUsd: costs.length === 0 ? null : costs.reduce((total, cost) => total + cost, 0),
  })
}

/** `--output-format stream-json` of Claude Code and of the Cursor CLI, which writes usage in camel case. */
export const streamJson = events((heard, type, event) => {
  hearSession(heard, textAt(event, 'session_id'))
  heard.model = textAt(event, 'model') ?? heard.model
  if (type === 'assistant') say(heard, textOf(at(event, 'message', 'content')))
  if (type !== 'result') return
  const usage = at(event, 'usage')
  if (usage !== undefined)
    setUsage(heard, {
      // What is written to the cache is read as input first, and counted nowhere else.
      inputTokens: countAt(usage, 'input_tokens') + countAt(usage, 'cache_creation_input_tokens') + countAt(usage, 'inputTokens'),
      cachedInputTokens: countAt(usage, 'cache_read_input_tokens') + countAt(usage, 'cacheReadTokens'),
      outputTokens: countAt(usage, 'output_tokens') + countAt(usage, 'outputTokens'),
      costUsd: amountAt(event, 'total_cost_usd'),
    })
  const said = textAt(event, 'result')
  say(heard, said)
  heard.failure = at(event, 'is_error') === true ? (said ?? textAt(event, 'subtype') ?? 'The agent reported an error') : null
})

/** `codex exec --json`. */
export const codexJson = events((heard, type, event) => {
  if (type === 'thread.started') hearSession(heard, textAt(event, 'thread_id'))
  if (type === 'item.completed' && textAt(event, 'item', 'type') === 'agent_message') say(heard, textAt(event, 'item', 'text'))
  // Lost connections are reported as errors and then mended: only what no completed turn follows is a failure.
  if (type === 'error') heard.failure = textAt(event, 'message') ?? 'The agent reported an error'
  if (type === 'turn.failed') heard.failure = textAt(event, 'error', 'message') ?? 'The turn failed'
  if (type !== 'turn.completed') return
  heard.failure = null
  addUsage(heard, {
    inputTokens: countAt(event, 'usage', 'input_tokens'),
    cachedInputTokens: countAt(event, 'usage', 'cached_input_tokens'),
    outputTokens: countAt(event, 'usage', 'output_tokens'),
    costUsd: null,
  })
})

/** `gemini --output-format stream-json`. */
export const geminiJson = events((heard, type, event) => {
  if (type === 'init') {
    hearSession(heard, textAt(event, 'session_id'))
    heard.model = textAt(event, 'model')
  }
  // Deltas of one message follow each other; a message of the user or a tool call lies between two.
  if (type === 'message' && textAt(event, 'role') === 'assistant') say(heard, (heard.summary ?? '') + (textAt(event, 'content') ?? ''))
  if (type === 'tool_use') heard.summary = null
  if (type !== 'result') return
  setUsage(heard, {
    inputTokens: countAt(event, 'stats', 'input_tokens'),
    cachedInputTokens: countAt(event, 'stats', 'cached'),
    outputTokens: countAt(event, 'stats', 'output_tokens'),
    costUsd: null,
  })
  heard.failure = textAt(event, 'status') === 'error' ? (textAt(event, 'error', 'message') ?? 'The agent reported an error') : null
})

/** `opencode run --format json`. */
export const opencodeJson = events((heard, type, event) => {
  hearSession(heard, textAt(event, 'sessionID'))
  if (type === 'text') say(heard, textAt(event, 'part', 'text'))
  if (type === 'error')
    heard.failure = textAt(event, 'error', 'data', 'message') ?? textAt(event, 'error', 'name') ?? 'The agent reported an error'
  if (type !== 'step_finish') return
  addUsage(heard, {
    inputTokens: countAt(event, 'part', 'tokens', 'input'),
    cachedInputTokens: countAt(event, 'part', 'tokens', 'cache', 'read'),
    outputTokens: sum(countAt(event, 'part', 'tokens', 'output'), countAt(event, 'part', 'tokens', 'reasoning')),
    costUsd: amountAt(event, 'part', 'cost'),
  })
})

/** `pi --mode json`. */
export const piJson = events((heard, type, event) => {
  if (type === 'session') hearSession(heard, textAt(event, 'id'))
  if (type !== 'message_end' || textAt(event, 'message', 'role') !== 'assistant') return
  heard.model = textAt(event, 'message', 'model') ?? heard.model
  say(heard, textOf(at(event, 'message', 'content')))
  addUsage(heard, {
    inputTokens: countAt(event, 'message', 'usage', 'input'),
    cachedInputTokens: countAt(event, 'message', 'usage', 'cacheRead'),
    outputTokens: countAt(event, 'message', 'usage', 'output'),
    costUsd: amountAt(event, 'message', 'usage', 'cost', 'total'),
  })
  // A failed request is tried again: the last message decides.
  heard.failure =
    textAt(event, 'message', 'stopReason') === 'error' ? (textAt(event, 'message', 'errorMessage') ?? 'The agent reported an error') : null
})

const sessionLine = /^session_id:\s*(\S+)\s*$/i

/** `hermes chat --quiet`: the answer as text, and one line that names the session. */
export const hermesText: Dialect = (heard, line, stream) => {
  const session = sessionLine.exec(line.trim())?.[1]
  if (session !== undefined) hearSession(heard, session)
  else if (stream === 'stdout') say(heard, heard.summary === null ? line : `${heard.summary}\n${line}`)
}
