import { expect, test } from 'vitest'
import { stripAnsi, visibleText } from './ansi.ts'
import { entriesOf, isErrorLine } from './entries.ts'
import { isErrorText } from './errors.ts'
import type { LogLine } from './lines.ts'

let key = 0
const line = (text: string, stream: LogLine['stream'] = 'stdout'): LogLine => ({
  key: (key += 1),
  ts: '2026-01-01T00:00:00.000Z',
  stream,
  text,
})
const shown = (event: unknown): string[] => entriesOf(line(JSON.stringify(event))).map(({ label, text }) => `${label}: ${text}`)

test('The codes of colours, titles and links are left out, and their words stay', () => {
  expect(stripAnsi('\u001B[1;31mred\u001B[0m and \u001B[38;5;12mblue\u001B[m')).toBe('red and blue')
  expect(stripAnsi('\u001B]0;title\u0007words')).toBe('words')
  expect(stripAnsi('\u001B]8;;https://example.com\u001B\\link\u001B]8;;\u001B\\')).toBe('link')
  expect(stripAnsi('\u001B[2K\u001B(Bplain')).toBe('plain')
})

test('A bar of progress is shown as it stands at last, and controls that are not seen are left out', () => {
  expect(visibleText('10 %\r50 %\r100 %')).toBe('100 %')
  expect(visibleText('100 %\r')).toBe('100 %')
  expect(visibleText('a\u0000b\u0008c\td')).toBe('abc\td')
})

test('Plain lines have the word of their stream', () => {
  expect(entriesOf(line('hello')).map(({ label, kind }) => [label, kind])).toEqual([['out', 'output']])
  expect(entriesOf(line('hello', 'stderr')).map(({ label, kind }) => [label, kind])).toEqual([['err', 'error']])
  expect(entriesOf(line('hello', 'system')).map(({ label }) => label)).toEqual(['system'])
  expect(entriesOf(line('{"unknown":1}')).map(({ label, text }) => [label, text])).toEqual([['out', '{"unknown":1}']])
})

test('The lines of Claude Code and Cursor are folded into what was said, done and answered', () => {
  const content = [
    { type: 'thinking', thinking: 'Hm.' },
    { type: 'text', text: 'I look.' },
    { type: 'tool_use', name: 'Bash', input: { command: 'ls' } },
  ]
  expect(shown({ type: 'assistant', message: { content } })).toEqual(['thinks: Hm.', 'agent: I look.', 'Bash: ls'])
  const failed = { type: 'tool_result', is_error: true, content: [{ type: 'text', text: 'no such file' }] }
  expect(shown({ type: 'user', message: { content: [failed] } })).toEqual(['error: no such file'])
  expect(shown({ type: 'result', subtype: 'success', result: 'Done.', num_turns: 2, total_cost_usd: 0.5 })).toEqual([
    'result: Done.\n2 turns, $0.5000',
  ])
})

test('The lines of Codex are folded, and an item that has only begun says nothing unless it is a command', () => {
  expect(shown({ type: 'item.started', item: { type: 'agent_message', text: 'x' } })).toEqual([])
  expect(shown({ type: 'item.started', item: { type: 'command_execution', command: 'ls' } })).toEqual(['command: ls'])
  expect(shown({ type: 'item.completed', item: { type: 'command_execution', exit_code: 1, aggregated_output: 'no\n' } })).toEqual([
    'exit 1: no',
  ])
  expect(shown({ type: 'turn.failed', error: { message: 'lost' } })).toEqual(['failed: lost'])
})

test('The lines of Gemini, OpenCode and Pi are folded', () => {
  expect(shown({ type: 'message', role: 'assistant', content: 'Hello' })).toEqual(['agent: Hello'])
  expect(shown({ type: 'tool_use', tool_name: 'read', parameters: { path: 'a' } })).toEqual(['read: a'])
  expect(shown({ type: 'text', sessionID: 's', part: { text: 'Hello' } })).toEqual(['agent: Hello'])
  expect(shown({ type: 'message_update', message: {} })).toEqual([])
  expect(shown({ type: 'message_end', message: { role: 'assistant', content: [{ type: 'text', text: 'Hello' }] } })).toEqual([
    'agent: Hello',
  ])
})

test('A line of a program that logs in JSON is its message with the other fields', () => {
  expect(shown({ level: 30, time: 1, msg: 'listens', port: 80 })).toEqual(['info: listens  port=80'])
  expect(isErrorLine(line(JSON.stringify({ level: 'ERROR', message: 'gone' })))).toBe(true)
})

test('A line looks like an error by its words, and not when it says that there is none', () => {
  for (const text of [
    'Error: no such file',
    'npm ERR! code 1 failed',
    'panic: runtime',
    'TypeError: x is not a function',
    '3 tests failed',
  ])
    expect(isErrorText(text), text).toBe(true)
  for (const text of ['0 errors, 2 warnings', 'no errors', 'terror', 'failed: 0', 'all is well', 'error-free'])
    expect(isErrorText(text), text).toBe(false)
})
