import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { createOutput } from './output.ts'
import { recorder } from './testKit.ts'
import { lineSplitter, firstBytes, tailBuffer } from './text.ts'

async function consumeParts(parts: readonly (Buffer | string)[], secrets: readonly string[] = [], limitBytes = 1_000_000) {
  const recorded = recorder()
  const lines: string[] = []
  const output = createOutput(recorded, { limitBytes, secrets, onLine: (line) => lines.push(line) })
  await output.consume(
    Readable.from(
      parts.map((part) => Buffer.from(part)),
      { objectMode: true },
    ),
    'stdout',
  )
  return { recorded, lines, text: recorded.text('stdout'), totals: output.totals() }
}

test('A character arrives whole wherever the reads cut it', async () => {
  const bytes = Buffer.from('a€😀z')
  const { recorded, text } = await consumeParts([...bytes].map((byte) => Buffer.from([byte])))
  expect(text).toBe('a€😀z')
  expect(recorded.chunks.map(({ chunk }) => chunk)).toEqual(['a', '€', '😀', 'z'])
})

test('Bytes that are no text become text that every store accepts', async () => {
  expect((await consumeParts([Buffer.from([0x61, 0x00, 0xff, 0xe2, 0x82])])).text).toBe('a\uFFFD\uFFFD\uFFFD')
})

test('A secret is redacted whether it arrives in one piece, in two, or in many', async () => {
  const secret = 'sesame-open-sesame'
  const text = `a ${secret} b sesame-open c ${secret}${secret} sesame`
  const redacted = 'a ***REDACTED*** b sesame-open c ***REDACTED******REDACTED*** sesame'
  for (const size of [1, 2, 7, 1000]) {
    const parts = Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size))
    const result = await consumeParts(parts, [secret])
    expect([result.text, result.lines, result.totals.stdoutExcerpt]).toEqual([redacted, [redacted], redacted])
  }
})

test('A value shorter than eight characters is not redacted', async () => {
  expect((await consumeParts(['no a is redacted'], ['a', ''])).text).toBe('no a is redacted')
})

test('The output cap cuts between characters, and lines beyond it are still read', async () => {
  const { text, lines, totals, recorded } = await consumeParts(['€€€\n', 'the end\n'], [], 7)
  expect(text).toBe('€€')
  expect(lines).toEqual(['€€€', 'the end'])
  expect(totals).toMatchObject({ outputBytes: 18, droppedBytes: 12 })
  expect(recorded.text('system')).toMatch(/capped at 7 bytes/)
})

test('A tail buffer returns the end of a text and never a part of a character', () => {
  const tail = tailBuffer(8)
  for (let count = 0; count < 100; count++) tail.add('€😀')
  expect(tail.text()).toBe('€😀')
  expect(firstBytes('€😀', 6)).toBe('€')
})

test('The line splitter skips a line that is too long and reads the next one', () => {
  const lines: string[] = []
  const splitter = lineSplitter(5, (line) => lines.push(line))
  for (const part of ['one\ntw', 'o\nmuch', ' too', ' long', '\n\nend']) splitter.add(part)
  splitter.end()
  expect(lines).toEqual(['one', 'two', 'end'])
})
