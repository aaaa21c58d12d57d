import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { createOutput } from './output.ts'
import { recorder } from './testKit.ts'
import { cutLines, firstBytes, keepTail } from './text.ts'

async function heard(parts: readonly (Buffer | string)[], secrets: readonly string[] = [], limitBytes = 1_000_000) {
  const seen = recorder()
  const lines: string[] = []
  const output = createOutput(seen, { limitBytes, secrets, onLine: (line) => lines.push(line) })
  await output.pump(
    Readable.from(
      parts.map((part) => Buffer.from(part)),
      { objectMode: true },
    ),
    'stdout',
  )
  return { seen, lines, text: seen.text('stdout'), totals: output.totals() }
}

test('characters arrive whole, wherever the reads cut them', async () => {
  const bytes = Buffer.from('a€😀z')
  const { seen, text } = await heard([...bytes].map((byte) => Buffer.from([byte])))
  expect(text).toBe('a€😀z')
  expect(seen.chunks.map(({ chunk }) => chunk)).toEqual(['a', '€', '😀', 'z'])
})

test('what is no text becomes text that every store takes', async () => {
  expect((await heard([Buffer.from([0x61, 0x00, 0xff, 0xe2, 0x82])])).text).toBe('a\uFFFD\uFFFD\uFFFD')
})

test('a secret is covered in one piece, in two, and in many', async () => {
  const secret = 'sesame-open-sesame'
  const text = `a ${secret} b sesame-open c ${secret}${secret} sesame`
  const covered = 'a ***REDACTED*** b sesame-open c ***REDACTED******REDACTED*** sesame'
  for (const size of [1, 2, 7, 1000]) {
    const parts = Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.slice(at * size, (at + 1) * size))
    const result = await heard(parts, [secret])
    expect([result.text, result.lines, result.totals.stdoutExcerpt]).toEqual([covered, [covered], covered])
  }
})

test('a short value is no secret to look for', async () => {
  expect((await heard(['no a is covered'], ['a', ''])).text).toBe('no a is covered')
})

test('the cap cuts between characters, and lines are read beyond it', async () => {
  const { text, lines, totals, seen } = await heard(['€€€\n', 'the end\n'], [], 7)
  expect(text).toBe('€€')
  expect(lines).toEqual(['€€€', 'the end'])
  expect(totals).toMatchObject({ outputBytes: 18, droppedBytes: 12 })
  expect(seen.text('system')).toMatch(/capped at 7 bytes/)
})

test('the tail is the end of a text, never half a character', () => {
  const tail = keepTail(8)
  for (let count = 0; count < 100; count++) tail.add('€😀')
  expect(tail.text()).toBe('€😀')
  expect(firstBytes('€😀', 6)).toBe('€')
})

test('a line that is too long is skipped, and the next one is read', () => {
  const lines: string[] = []
  const cut = cutLines(5, (line) => lines.push(line))
  for (const part of ['one\ntw', 'o\nmuch', ' too', ' long', '\n\nend']) cut.add(part)
  cut.end()
  expect(lines).toEqual(['one', 'two', 'end'])
})
