import { onThisMachine } from '../../dev/testing/slowness.ts'
import { expect, test } from 'vitest'
import { createMessageReader } from './messages.ts'

/** The messages of a stream, read in pieces of a length. */
function heard(text: string, length: number): string[] {
  const found: string[] = []
  const { read } = createMessageReader({
    onMessage: (data, id) => found.push(`${id}: ${data}`),
    onPosition: (id) => found.push(`at ${id}`),
  })
  for (let at = 0; at < text.length; at += length) read(text.slice(at, at + length))
  return found
}

const stream =
  'retry: 1000\nid: 7.1\n\nid: 7.2\ndata: {"a":1}\n\n: here\n\nid: 7.3\r\ndata: b\r\ndata:c\r\n\r\ndata: d: e\n\nid: 7.4\n: here\n\nnonsense\ndata\n\n'

test('A stream is the same messages and positions in whatever pieces it arrives', () => {
  for (const length of [1, 2, 3, 7, stream.length])
    expect(heard(stream, length), `${length}`).toEqual(['at 7.1', '7.2: {"a":1}', '7.3: b\nc', '7.3: d: e', 'at 7.4', '7.4: '])
})

test('A message that is not complete is not heard, and an id with a null character does not move the position', () => {
  expect(heard('id: 1\ndata: a\n', 4)).toEqual([])
  expect(heard('id: 1\n\nid: 2\0\ndata: a\n\n', 4)).toEqual(['at 1', '1: a'])
})

test('Ten thousand messages in one piece are read in a moment', () => {
  const many = Array.from({ length: 10_000 }, (_, at) => `id: ${at}\ndata: {"at":${at}}\n\n`).join('')
  const startedAt = performance.now()
  expect(heard(many, many.length)).toHaveLength(10_000)
  expect(performance.now() - startedAt).toBeLessThan(onThisMachine(2000))
})
