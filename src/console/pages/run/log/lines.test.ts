import { expect, test } from 'vitest'
import { addBlocks, dropBefore, joinLines, noLines } from './lines.ts'
import { blockFromMiddle, blockOf, byteLength } from './records.ts'
import type { LogBlock, Stream } from './records.ts'
import { append, emptyWindow, prepend } from './window.ts'

const ts = '2026-01-01T00:00:00.000Z'
const json = (chunk: string, stream: Stream = 'stdout'): string => `${JSON.stringify({ ts, stream, chunk })}\n`
const textsOf = (...contents: readonly string[]): string[] => {
  let start = 0
  const blocks = contents.map((content) => {
    const block = blockOf(content, start)
    start = block.end
    return block
  })
  return addBlocks(noLines, blocks).all.map(({ stream, text }) => `${stream} ${text}`)
}

test('A line that comes in several pieces is one line', () => {
  expect(textsOf(json('one\ntw'), json('o, still'), json(' two\nthree'))).toEqual(['stdout one', 'stdout two, still two', 'stdout three'])
})

test('A line goes on where it began when another stream wrote in between', () => {
  expect(textsOf(json('begins ') + json('a warning\n', 'stderr') + json('and ends\n'))).toEqual([
    'stdout begins and ends',
    'stderr a warning',
  ])
})

test('Empty lines stay, and the line break of Windows is none of the text', () => {
  expect(textsOf(json('one\r\n\r\ntwo\n'))).toEqual(['stdout one', 'stdout ', 'stdout two'])
})

test('A line of the log that is no record is shown as it is', () => {
  expect(textsOf('not json\n')).toEqual(['system not json'])
})

test('The key of each line is its own, and stays the same when earlier lines are loaded', () => {
  const [first, second] = [json('a\nb\nc\n'), json('d\ne\n')]
  const block = blockOf(second, byteLength(first))
  const alone = addBlocks(noLines, [block]).all.map(({ key }) => key)
  const together = addBlocks(noLines, [blockOf(first, 0), block]).all.map(({ key }) => key)
  expect(together.slice(3)).toEqual(alone)
  expect(new Set(together).size).toBe(5)
  expect(together).toEqual(together.toSorted((one, other) => one - other))
})

test('A line without an end is cut, so that no single one stops the browser', () => {
  const long = 'x'.repeat(300 * 1024)
  expect(textsOf(json(long), json(long)).length).toBe(2)
})

test('A piece that begins in the middle of a line of the log gives the whole lines, with their places in bytes', () => {
  const content = `${json('é one\n')}${json('ü two\n')}`
  const whole = blockOf(content, 100)
  const cut = blockFromMiddle(content.slice(5), whole.end)
  expect(cut.records.map(({ text }) => text)).toEqual(['ü two\n'])
  expect(cut.start).toBe(100 + byteLength(json('é one\n')))
  expect(cut.end).toBe(whole.end)
})

const bounds = { bytes: 400, lines: 1000 }

test('Beyond the bounds the oldest part is dropped when something is added, and the newest when an earlier part is loaded', () => {
  let window = emptyWindow(0)
  for (let count = 0; count < 12; count += 1) window = append(window, [blockOf(json(`line ${count}\n`), window.end)], bounds)
  expect(window.end - window.start).toBeLessThanOrEqual(bounds.bytes)
  expect(window.lines.all.at(-1)?.text).toBe('line 11')
  expect(window.lines.all.length).toBe(window.blocks.length)
  const content = json('earlier\n')
  const earlier = prepend(window, blockOf(content, window.start - byteLength(content)), bounds)
  expect(earlier.lines.all[0]?.text).toBe('earlier')
  expect(earlier.end).toBeLessThan(window.end)
})

test('A line whose beginning is loaded later is joined with it', () => {
  const [first, second] = [json('begins '), json('and ends\nnext\n')]
  const tail = append(emptyWindow(byteLength(first)), [blockOf(second, byteLength(first))], bounds)
  expect(prepend(tail, blockOf(first, 0), bounds).lines.all.map(({ text }) => text)).toEqual(['begins and ends', 'next'])
})

const streams: readonly Stream[] = ['stdout', 'stderr', 'system']

/** A log of random pieces, the same for the same seed. */
function randomBlocks(seed: number): LogBlock[] {
  let state = seed
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  const words = ['a', 'bc', '\n', 'd\n', '\n\n', 'e\nf', 'é\r\n']
  const blocks: LogBlock[] = []
  for (let count = 0; count < 12; count += 1) {
    const records = Array.from({ length: 1 + random(3) }, () => json(words[random(words.length)] ?? '', streams[random(3)]))
    blocks.push(blockOf(records.join(''), blocks.at(-1)?.end ?? 0))
  }
  return blocks
}

test('Lines that are joined, added and dropped step by step are those of the whole, for every way to cut a log', () => {
  for (let seed = 1; seed < 400; seed += 1) {
    const blocks = randomBlocks(seed)
    const cut = 1 + (seed % 10)
    const joined = joinLines(addBlocks(noLines, blocks.slice(0, cut)), addBlocks(noLines, blocks.slice(cut)))
    expect(joined, `joined, seed ${seed}`).toEqual(addBlocks(noLines, blocks))
    const kept = blocks.slice(cut)
    expect(dropBefore(addBlocks(noLines, blocks), kept), `dropped, seed ${seed}`).toEqual(addBlocks(noLines, kept))
  }
})
