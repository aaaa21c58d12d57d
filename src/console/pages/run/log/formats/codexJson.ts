import { at, counted, entry, joined, list, readable, text } from './entry.ts'
import type { Entry, Format } from './entry.ts'

function commandEntry(item: unknown, isDone: boolean): readonly Entry[] {
  const command = entry('tool', 'command', text(item, 'command'))
  if (!isDone) return [command]
  const code = at(item, 'exit_code')
  const isError = typeof code === 'number' && code !== 0
  const output = text(item, 'aggregated_output').trimEnd()
  return [entry(isError ? 'error' : 'output', isError ? `exit ${code}` : 'answer', output, isError)]
}

const changesOf = (item: unknown): string =>
  list(at(item, 'changes'))
    .map((change) => `${text(change, 'kind')} ${text(change, 'path')}`)
    .join('\n')

/** An item is shown when it is complete; a command also when it begins. */
function itemEntries(item: unknown, isDone: boolean): readonly Entry[] {
  const type = text(item, 'type')
  if (type === 'command_execution') return commandEntry(item, isDone)
  if (!isDone) return []
  switch (type) {
    case 'agent_message':
      return [entry('said', 'agent', text(item, 'text'))]
    case 'reasoning':
      return [entry('thought', 'thinks', text(item, 'text'))]
    case 'file_change':
      return [entry('tool', 'changes', changesOf(item))]
    case 'mcp_tool_call':
      return [entry('tool', text(item, 'tool') || 'tool', readable(at(item, 'arguments')))]
    case 'web_search':
      return [entry('tool', 'searches', text(item, 'query'))]
    case 'error':
      return [entry('error', 'error', text(item, 'message'), true)]
    default:
      return [entry('system', type.replaceAll('_', ' '), readable(at(item, 'items')))]
  }
}

/** `codex exec --json`. */
export const codexJson: Format = (event, type) => {
  if (type === 'thread.started') return [entry('system', 'starts', `thread ${text(event, 'thread_id')}`)]
  if (type === 'turn.started') return []
  if (/^item\.(?:started|updated|completed)$/.test(type)) {
    if (type === 'item.updated') return []
    return itemEntries(at(event, 'item'), type === 'item.completed')
  }
  if (type === 'turn.completed') {
    const usage = at(event, 'usage')
    return [
      entry(
        'result',
        'turn',
        joined(counted(at(usage, 'input_tokens'), 'input token'), counted(at(usage, 'output_tokens'), 'output token')),
      ),
    ]
  }
  if (type === 'turn.failed') return [entry('error', 'failed', text(event, 'error', 'message'), true)]
  if (type === 'error' && text(event, 'message') !== '') return [entry('error', 'error', text(event, 'message'), true)]
  return null
}
