import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { createOutput } from './output.ts'
import { recorder } from './testKit.ts'
import { lineSplitter, firstBytes, tailBuffer } from './text.ts'

async function relay(parts: readonly (Buffer | string)[], secrets: readonly string[] = [], limitBytes = 1_000_000) {
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
  return { seen: recorded, lines, text: recorded.text('stdout'), totals: output.totals() }
}

test('characters arrive whole, wherever the reads cut them', async () => {
  const bytes = Buffer.from('a€😀z')
  const { seen: recorded, text } = await relay([...bytes].map((byte) => Buffer.from([byte])))
  expect(text).toBe('a€😀z')
  expect(recorded.chunks.map(({ chunk }) => chunk)).toEqual(['a', '€', '😀', 'z'])
})

test('what is no text becomes text that every store takes', async () => {
  expect((await relay([Buffer.from([0x61, 0x00, 0xff, 0xe2, 0x82])])).text).toBe('a\uFFFD\uFFFD\uFFFD')
})

test('a secret is covered in one piece, in two, and in many', async () => {
  const secret = 'sesame-open-sesame'
  const text = `a ${secret} b sesame-open c ${secret}${secret} sesame`
  const redacted = 'a ***REDACTED*** b sesame-open c ***REDACTED******REDACTED*** sesame'
  for (const size of [1, 2, 7, 1000]) {
    const parts = Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size))
    const result = await relay(parts, [secret])
    expect([result.text, result.lines, result.totals.stdoutExcerpt]).toEqual([redacted, [redacted], redacted])
  }
})

test('a short value is no secret to look for', async () => {
  expect((await relay(['no a is covered'], ['a', ''])).text).toBe('no a is covered')
})

test('the cap cuts between characters, and lines are read beyond it', async () => {
  const { text, lines, totals, seen: recorded } = await relay(['€€€\n', 'the end\n'], [], 7)
  expect(text).toBe('€€')
  expect(lines).toEqual(['€€€', 'the end'])
  expect(totals).toMatchObject({ outputBytes: 18, droppedBytes: 12 })
  expect(recorded.text('system')).toMatch(/capped at 7 bytes/)
})

test('the tail is the end of a text, never half a character', () => {
  const tail = tailBuffer(8)
  for (let count = 0; count < 100; count++) tail.add('€😀')
  expect(tail.text()).toBe('€😀')
  expect(firstBytes('€😀', 6)).toBe('€')
})

test('a line that is too long is skipped, and the next one is read', () => {
  const lines: string[] = []
  const cut = lineSplitter(5, (line) => lines.push(line))
  for (const part of ['one\ntw', 'o\nmuch', ' too', ' long', '\n\nend']) cut.add(part)
  cut.end()
  expect(lines).toEqual(['one', 'two', 'end'])
})
