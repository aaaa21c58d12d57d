import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { download } from '../../dev/testing/files.ts'
import { calibrate, measureSlices } from '../../dev/testing/loopSlices.ts'
import { sendRequest } from '../../dev/testing/rawRequest.ts'
import { auditCount, useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { CARD_HEIGHT, CARD_WIDTH, layOutTree } from './chartLayout.ts'
import { chartStyleNames } from './chartStyles.ts'
import { buildOrgTree } from './orgTree.ts'
import { renderOrgChart } from './orgChart.ts'

const row = (id: string, reportsTo: string | null, name = id) => ({
  id,
  name,
  role: 'general' as const,
  status: 'idle' as const,
  reportsTo,
})

/** A forest: each agent reports to an earlier one or is a root. */
const forest = fc
  .array(fc.nat(), { maxLength: 60 })
  .map((picks) => buildOrgTree(picks.map((pick, at) => row(`n${at}`, at === 0 || pick % (at + 1) === at ? null : `n${pick % (at + 1)}`))))

const attribute = '[a-zA-Z-]+="[^"<>&]*"'
const tag = new RegExp(`</?(?:svg|rect|text|circle|path|title)(?: ${attribute})*/?>`, 'g')

/**
 * The texts of a drawing. Expects that the drawing consists of the few elements that this server draws with, closed in
 * order, and of text without any character that has a meaning in XML.
 */
function wordsOf(svg: string): string[] {
  const openTags: string[] = []
  for (const [text] of svg.matchAll(tag)) {
    const name = /\w+/.exec(text)?.[0] ?? ''
    if (text.startsWith('</')) expect(openTags.pop()).toBe(name)
    else if (!text.endsWith('/>')) openTags.push(name)
  }
  expect(openTags).toEqual([])
  const words = svg.split(tag)
  const unescaped = words.join('').replaceAll(/&(?:amp|lt|gt|quot|apos);/g, '')
  expect(unescaped).not.toMatch(/[<>&"']/)
  // Characters that XML 1.0 does not allow.
  // oxlint-disable-next-line no-control-regex
  expect(unescaped).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/u)
  return words.filter((word) => word.trim() !== '')
}

describe('layOutTree', () => {
  test('Each node has one card, its reports are centred below it, and no card covers another', () => {
    fc.assert(
      fc.property(forest, (roots) => {
        const { cards, width, height, omittedCount } = layOutTree(roots, 1000)
        expect(omittedCount).toBe(0)
        const expected = (nodes: typeof roots): number => nodes.reduce((sum, node) => sum + 1 + expected(node.reports), 0)
        expect(cards).toHaveLength(expected(roots))
        expect(new Set(cards.map(({ node }) => node.id)).size).toBe(cards.length)
        for (const [at, { node, x, y, parentIndex: above }] of cards.entries()) {
          expect(Number.isInteger(x) && Number.isInteger(y)).toBe(true)
          expect(x >= 0 && y >= 0 && x + CARD_WIDTH <= width && y + CARD_HEIGHT <= height).toBe(true)
          if (above === null) expect(y).toBe(0)
          else expect(y).toBeGreaterThan((cards[above]?.y ?? 0) + CARD_HEIGHT)
          const below = cards.filter((card) => card.parentIndex === at)
          expect(below.map((card) => card.node)).toEqual(node.reports)
          const middle = ((below.at(0)?.x ?? x) + (below.at(-1)?.x ?? x)) / 2
          expect(Math.abs(middle - x)).toBeLessThanOrEqual(0.5)
        }
        for (const one of cards)
          for (const other of cards) if (one !== other && one.y === other.y) expect(Math.abs(one.x - other.x)).toBeGreaterThan(CARD_WIDTH)
      }),
    )
  })

  test('With fewer cards than nodes, the upper rows are drawn first, so each card has its manager’s card', () => {
    fc.assert(
      fc.property(forest, fc.nat(70), (roots, maxCards) => {
        const [all, some] = [layOutTree(roots, 1000), layOutTree(roots, maxCards)]
        expect(some.cards.map(({ node }) => node.id)).toEqual(all.cards.slice(0, maxCards).map(({ node }) => node.id))
        expect(some.omittedCount).toBe(Math.max(0, all.cards.length - maxCards))
        for (const [at, { parentIndex: above }] of some.cards.entries()) expect(above ?? -1).toBeLessThan(at)
      }),
    )
  })
})

describe('renderOrgChart', () => {
  test('The drawing shows name, role and status of each agent, and the same tree gives the same text', () => {
    const roots = [
      {
        id: 'a',
        name: 'Ada',
        role: 'ceo' as const,
        status: 'running' as const,
        reports: [{ id: 'b', name: 'Bob', role: 'engineer' as const, status: 'pending_approval' as const, reports: [] }],
      },
    ]
    const svg = renderOrgChart(roots, 'warmth')
    expect(wordsOf(svg)).toEqual(['Ada', 'CEO', 'running', 'Bob', 'Engineer', 'pending approval'])
    expect(renderOrgChart(structuredClone(roots), 'warmth')).toBe(svg)
    const drawings = chartStyleNames.map((style) => renderOrgChart(roots, style))
    expect(new Set(drawings).size).toBe(drawings.length)
    for (const drawing of drawings) expect(wordsOf(drawing)).toEqual(wordsOf(svg))
  })

  test('A drawing without agents contains a note instead', () => {
    expect(wordsOf(renderOrgChart([], 'warmth'))).toEqual(['No agents yet'])
  })

  test('A name with markup or control characters appears as text only', () => {
    const unsafeNames = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", '/', '-', ']', '!', 'a', '\u0000', '\ud800', '\u202e'), maxLength: 40 }),
      fc.constantFrom(
        '<script>alert(1)</script>',
        '</text></svg><script/>',
        ']]>',
        '<!--',
        '--><a href="javascript:1">',
        '&#60;b&#62;',
        '&lol;',
      ),
    )
    fc.assert(
      fc.property(unsafeNames, (name) => {
        const words = wordsOf(renderOrgChart(buildOrgTree([row('a', null, name)]), 'warmth'))
        expect(words.slice(-2)).toEqual(['General', 'idle'])
      }),
    )
  })

  test('A long name is cut between graphemes, and its title element has the whole name', () => {
    const named = (name: string) => wordsOf(renderOrgChart(buildOrgTree([row('a', null, name)]), 'warmth')).slice(0, -2)
    expect(named('x'.repeat(21))).toEqual(['x'.repeat(21)])
    expect(named('x'.repeat(22))).toEqual(['x'.repeat(22), `${'x'.repeat(20)}…`])
    expect(named('漢'.repeat(11))).toEqual(['漢'.repeat(11), `${'漢'.repeat(10)}…`])
    const family = '👩‍👩‍👧‍👦'
    expect(named(family.repeat(12))).toEqual([family.repeat(12), `${family.repeat(10)}…`])
    expect(named('two\nlines\tand  more')).toEqual(['two lines and more'])
    expect(named('\u202egnp.exe\u0007')).toEqual(['\ufffdgnp.exe\ufffd'])
  })

  test('A drawing of five thousand agents in a row or a chain has a bounded size and names the number of omitted agents', () => {
    const longest = '"'.repeat(200)
    const wideTree = buildOrgTree(Array.from({ length: 5000 }, (_, at) => row(`n${at}`, at === 0 ? null : 'n0', longest)))
    const deepTree = buildOrgTree(Array.from({ length: 5000 }, (_, at) => row(`n${at}`, at === 0 ? null : `n${at - 1}`, longest)))
    for (const roots of [wideTree, deepTree]) {
      const svg = renderOrgChart(roots, 'night')
      expect(svg.length).toBeLessThan(4_000_000)
      const words = wordsOf(svg)
      expect(words.filter((word) => word === 'idle')).toHaveLength(2000)
      expect(words.at(-1)).toBe('3,000 more agents are not drawn')
    }
  })
})

const server = useServer()

describe('GET /companies/:companyId/org.svg', () => {
  let fixture: World
  beforeEach(async () => {
    fixture = await world(server())
  })
  const path = (style = '') => `/api/companies/${fixture.company.id}/org.svg${style}`
  const image = (query = '', headers = {}) => sendRequest(server().url, { method: 'get', path: path(query), headers })

  test('The answer is an image that executes nothing, fetches nothing and is not cached', async () => {
    const boss = await fixture.agent({ role: 'ceo', name: 'Boss <script>alert("1")</script>' })
    const worker = await fixture.agent({ name: 'Worker & Sons', reportsTo: boss.id })
    const terminated = await fixture.agent({ name: 'Gone' })
    await server().board.post(`/api/agents/${terminated.id}/terminate`)
    const before = await auditCount(server())
    const answer = await image()
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/svg+xml; charset=utf-8',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-request-id': expect.any(String),
    })
    expect(wordsOf(answer.text)).toEqual([
      'Boss &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;',
      'Boss &lt;script&gt;alert(&quot;…',
      'CEO',
      'idle',
      'Worker &amp; Sons',
      'General',
      'idle',
    ])
    expect((await image('?style=warmth')).text).toBe(answer.text)
    expect((await image('', worker.client.headers)).text).toBe(answer.text)
    expect((await image('?style=night')).text).not.toBe(answer.text)
    expect(await auditCount(server())).toBe(before)
  })

  test('An unknown style is refused with 400 and the list of known styles', async () => {
    for (const style of ['neon', '', 'constructor', '__proto__']) {
      const answer = await image(`?style=${style}`)
      expect(answer).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
      expect(answer.body.details).toMatchObject([{ path: ['style'], options: ['warmth', 'night', 'print'] }])
    }
  })

  test('An agent of another company gets 404, and an invalid key gets 401', async () => {
    const elsewhere = await world(server())
    const stranger = await elsewhere.agent()
    expect(await image('', stranger.client.headers)).toMatchObject({ status: 404, body: { error: 'Company not found' } })
    expect(await image('', { authorization: 'Bearer unknown' })).toMatchObject({ status: 401 })
  })

  test('The picture org.png is the same drawing in pixels, with an entity tag, and is drawn beside the event loop', async () => {
    const path = `/api/companies/${fixture.company.id}/org.png`
    const answers = new Map<string, Buffer>()
    for (const style of ['warmth', 'night', 'warmth']) {
      const { value, sliceMs } = await measureSlices(() => download(server(), server().board, `${path}?style=${style}`))
      expect(value.status).toBe(200)
      expect(value.headers.get('content-type')).toBe('image/png')
      expect(value.headers.get('x-content-type-options')).toBe('nosniff')
      expect(value.bytes.subarray(1, 4).toString('latin1')).toBe('PNG')
      // The header of a PNG: width and height are twice those of the drawing.
      const svg = await image(`?style=${style}`)
      const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg.text) ?? []
      expect([value.bytes.readUInt32BE(16), value.bytes.readUInt32BE(20)]).toEqual([Number(width) * 2, Number(height) * 2])
      if (answers.has(style)) expect(answers.get(style)?.equals(value.bytes)).toBe(true)
      answers.set(style, value.bytes)
      expect(sliceMs).toBeLessThan(10 * calibrate())
      const again = await download(server(), server().board, `${path}?style=${style}`, {
        headers: { 'if-none-match': value.headers.get('etag') ?? '' },
      })
      expect(again.status).toBe(304)
    }
    expect(answers.get('warmth')?.equals(answers.get('night') ?? Buffer.alloc(0))).toBe(false)
    expect(await server().board.get(`${path}?style=neon`)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    const stranger = await (await world(server())).agent()
    expect(await stranger.client.get(path)).toMatchObject({ status: 404, body: { error: 'Company not found' } })
  })

  test('A few pictures wait for their turn, and further ones are refused as busy', async () => {
    const path = `/api/companies/${fixture.company.id}/org.png`
    const answers = await Promise.all(Array.from({ length: 40 }, () => download(server(), server().board, path)))
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(16)
    expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(0)
    expect(answers.find(({ status }) => status === 503)?.headers.get('retry-after')).toBe('1')
    expect((await download(server(), server().board, path)).status).toBe(200)
  })
})
