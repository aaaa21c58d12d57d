import { at, counted, entry, joined, list, money, readable, text } from './entry.ts'
import type { Entry, Format } from './entry.ts'

/** A result of a tool is a text, or parts of which some are texts. */
const resultText = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(content)
        .map((part) => text(part, 'text') || `(${text(part, 'type') || 'part'})`)
        .join('\n')

function partEntry(part: unknown, role: string): Entry | null {
  switch (text(part, 'type')) {
    case 'text':
      return entry('said', role === 'assistant' ? 'agent' : 'prompt', text(part, 'text'))
    case 'thinking':
      return entry('thought', 'thinks', text(part, 'thinking'))
    case 'tool_use':
      return entry('tool', text(part, 'name') || 'tool', readable(at(part, 'input')))
    case 'tool_result': {
      const isError = at(part, 'is_error') === true
      return entry(isError ? 'error' : 'output', isError ? 'error' : 'answer', resultText(at(part, 'content')), isError)
    }
    default:
      return null
  }
}

/** `--output-format stream-json` of Claude Code and of the Cursor CLI. */
export const streamJson: Format = (event, type) => {
  if (type === 'system' && text(event, 'subtype') === 'init')
    return [
      entry(
        'system',
        'starts',
        joined(text(event, 'model'), counted(list(at(event, 'tools')).length || undefined, 'tool'), text(event, 'cwd')),
      ),
    ]
  if (type === 'system' && text(event, 'subtype') !== '') return [entry('system', 'system', text(event, 'subtype').replaceAll('_', ' '))]
  if ((type === 'assistant' || type === 'user') && at(event, 'message') !== undefined) {
    const content = at(event, 'message', 'content')
    if (typeof content === 'string') return [entry('said', type === 'assistant' ? 'agent' : 'prompt', content)]
    return list(content).flatMap((part) => partEntry(part, type) ?? [])
  }
  if (type !== 'result' || text(event, 'subtype') === '') return null
  const isError = at(event, 'is_error') === true
  const facts = joined(counted(at(event, 'num_turns'), 'turn'), money(at(event, 'total_cost_usd')))
  return [
    entry(isError ? 'error' : 'result', isError ? 'failed' : 'result', [text(event, 'result'), facts].filter(Boolean).join('\n'), isError),
  ]
}
