import { at, counted, entry, joined, list, money, readable, text } from './entry.ts'
import type { Format } from './entry.ts'

const partsText = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(content)
        .map((part) => text(part, 'text'))
        .filter((part) => part !== '')
        .join('\n')

/** `gemini --output-format stream-json`. */
export const geminiJson: Format = (event, type) => {
  if (type === 'init' && text(event, 'session_id') !== '') return [entry('system', 'starts', text(event, 'model'))]
  if (type === 'message' && text(event, 'role') !== '')
    return [entry('said', text(event, 'role') === 'assistant' ? 'agent' : 'prompt', text(event, 'content'))]
  if (type === 'tool_use' && text(event, 'tool_name') !== '')
    return [entry('tool', text(event, 'tool_name'), readable(at(event, 'parameters')))]
  if (type === 'tool_result' && text(event, 'tool_id') !== '') {
    const isError = text(event, 'status') === 'error'
    return [
      entry(isError ? 'error' : 'output', isError ? 'error' : 'answer', text(event, 'error', 'message') || text(event, 'output'), isError),
    ]
  }
  if (type === 'error' && text(event, 'severity') !== '') return [entry('error', 'error', text(event, 'message'), true)]
  if (type !== 'result' || text(event, 'status') === '') return null
  const isError = text(event, 'status') === 'error'
  const stats = at(event, 'stats')
  const facts = joined(counted(at(stats, 'tool_calls'), 'tool call'), counted(at(stats, 'output_tokens'), 'output token'))
  return [entry(isError ? 'error' : 'result', isError ? 'failed' : 'result', text(event, 'error', 'message') || facts, isError)]
}

/** `opencode run --format json`. */
export const opencodeJson: Format = (event, type) => {
  if (text(event, 'sessionID') === '') return null
  const part = at(event, 'part')
  switch (type) {
    case 'text':
      return [entry('said', 'agent', text(part, 'text'))]
    case 'reasoning':
      return [entry('thought', 'thinks', text(part, 'text'))]
    case 'tool_use': {
      const isError = text(part, 'state', 'status') === 'error'
      const tool = entry('tool', text(part, 'tool') || 'tool', readable(at(part, 'state', 'input')))
      const answer = text(part, 'state', 'error') || text(part, 'state', 'output')
      return [tool, entry(isError ? 'error' : 'output', isError ? 'error' : 'answer', answer, isError)]
    }
    case 'step_start':
      return []
    case 'step_finish':
      return [entry('result', 'step', joined(text(part, 'reason'), money(at(part, 'cost'))))]
    case 'error':
      return [entry('error', 'error', text(event, 'error', 'data', 'message') || text(event, 'error', 'name'), true)]
    default:
      return null
  }
}

/** Lines of `pi --mode json` that repeat what a later line has whole. */
const piRepeats = new Set([
  'agent_start',
  'agent_end',
  'turn_start',
  'turn_end',
  'message_start',
  'message_update',
  'tool_execution_update',
])

/** `pi --mode json`. */
export const piJson: Format = (event, type) => {
  if (piRepeats.has(type)) return []
  if (type === 'session' && text(event, 'id') !== '')
    return [entry('system', 'starts', joined(`session ${text(event, 'id')}`, text(event, 'cwd')))]
  if (type === 'tool_execution_start') return [entry('tool', text(event, 'toolName') || 'tool', readable(at(event, 'args')))]
  if (type === 'tool_execution_end') {
    const isError = at(event, 'isError') === true
    return [entry(isError ? 'error' : 'output', isError ? 'error' : 'answer', partsText(at(event, 'result', 'content')), isError)]
  }
  if (type !== 'message_end') return null
  const message = at(event, 'message')
  if (text(message, 'stopReason') === 'error') return [entry('error', 'error', text(message, 'errorMessage'), true)]
  const role = text(message, 'role')
  if (role === 'toolResult') return []
  const said = partsText(at(message, 'content'))
  return said === '' ? [] : [entry('said', role === 'assistant' ? 'agent' : 'prompt', said)]
}

/** Levels of pino, and the words of other programs. */
const levels: Readonly<Record<string, string>> = { '10': 'trace', '20': 'debug', '30': 'info', '40': 'warn', '50': 'error', '60': 'fatal' }
const known = new Set(['level', 'msg', 'message', 'time', 'timestamp', 'ts', 'pid', 'hostname', 'v'])

/** Lines of a program that logs in JSON: its level, its message, and the other fields after it. */
export const jsonLog: Format = (event) => {
  const message = text(event, 'msg') || text(event, 'message')
  const level = at(event, 'level')
  if (message === '' || (typeof level !== 'string' && typeof level !== 'number')) return null
  const word = levels[String(level)] ?? String(level).toLowerCase()
  const isError = /^(?:error|fatal|critical|panic)$/.test(word)
  const rest = Object.entries(event).filter(([name]) => !known.has(name))
  const facts = rest.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ')
  return [entry(isError ? 'error' : 'output', word, [message, facts].filter(Boolean).join('  '), isError)]
}
