import { createHash } from 'node:crypto'
import type { Ctx } from '../../platform/db/types.ts'
import { imageHeaders } from '../../platform/kernel/content.ts'
import type { FileResponse, StreamResponse } from '../../platform/kernel/content.ts'
import { CARD_HEIGHT, CARD_WIDTH, layOutTree } from './chartLayout.ts'
import type { Card } from './chartLayout.ts'
import { chartStyles } from './chartStyles.ts'
import type { ChartStyle, ChartStyleName } from './chartStyles.ts'
import { drawPng } from './drawPng.ts'
import { readOrg } from './orgTree.ts'
import type { OrgNode } from './views.ts'

/** A larger picture is unreadable. This many cards with the longest names are less than four megabytes. */
const MAX_CARDS = 2000
/** Cards of a picture of pixels, whose letters would be too small with more. Each takes a processor for 20 to 50 ms. */
const MAX_PNG_CARDS = 100
/** The length of a name that fits into a card, in characters of usual width. */
const MAX_NAME_COLUMNS = 21
/** The longest name that the API accepts. Imported names may be longer. */
const MAX_NAME_LENGTH = 200
const MARGIN = 32
const MIN_WIDTH = 420
const NOTE_HEIGHT = 40

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

// XML refuses control characters, and one of them would make the whole picture unreadable. A character that changes the
// direction of writing could make a name read differently here than elsewhere.
// oxlint-disable-next-line no-control-regex
const unsafeCharacters = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff]|\p{Cs}/gu

/** Makes one line of a text that a person or an agent wrote, without unsafe characters. It may still contain markup. */
const sanitizeText = (text: string): string =>
  text.slice(0, MAX_NAME_LENGTH).replaceAll(/\s+/g, ' ').replaceAll(unsafeCharacters, '\ufffd').trim()
const escapeXml = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const wideCharacter =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u

/** Shortens a text to a width. It cuts between graphemes, never within one. */
function truncateToWidth(text: string, maxColumns: number): string {
  let columns = 0
  let end = 0
  for (const { segment, index } of graphemes.segment(text)) {
    columns += wideCharacter.test(segment) ? 2 : 1
    if (columns > maxColumns) return `${text.slice(0, end).trimEnd()}…`
    // The dots need the place of the last character, unless the text ends with it.
    if (columns < maxColumns) end = index + segment.length
  }
  return text
}

/** Roles of up to three letters (`ceo`, `qa`) are initials; longer ones are words. */
const roleLabel = (role: string): string => (role.length <= 3 ? role.toUpperCase() : role.charAt(0).toUpperCase() + role.slice(1))

function renderCard({ node, x, y }: Card<OrgNode>, style: ChartStyle): string {
  const name = sanitizeText(node.name)
  const shownName = truncateToWidth(name, MAX_NAME_COLUMNS)
  const status = node.status.replaceAll('_', ' ')
  // A nested `svg` clips its content, so a name with wide letters never leaves its card.
  return (
    `<svg x="${x + MARGIN}" y="${y + MARGIN}" width="${CARD_WIDTH}" height="${CARD_HEIGHT}">` +
    (shownName === name ? '' : `<title>${escapeXml(name)}</title>`) +
    `<rect x="1" y="1" width="${CARD_WIDTH - 2}" height="${CARD_HEIGHT - 2}" rx="${style.cornerRadius}" fill="${style.card}" stroke="${style.border}"/>` +
    `<text x="16" y="26" font-size="14" font-weight="600">${escapeXml(shownName)}</text>` +
    `<text x="16" y="44" font-size="12" fill="${style.mutedText}">${escapeXml(roleLabel(node.role))}</text>` +
    `<circle cx="20" cy="59" r="4" fill="${style.statusColors[node.status]}"/>` +
    `<text x="30" y="63" font-size="11" fill="${style.mutedText}">${escapeXml(status)}</text></svg>\n`
  )
}

/** The lines from each manager to its reports, as one path. */
function renderLines(cards: readonly Card<OrgNode>[]): string {
  const middle = MARGIN + CARD_WIDTH / 2
  return cards
    .map(({ x, y, parentIndex }) => {
      const manager = parentIndex === null ? undefined : cards[parentIndex]
      if (manager === undefined) return ''
      const from = manager.y + MARGIN + CARD_HEIGHT
      const to = y + MARGIN
      return `M${manager.x + middle} ${from}V${(from + to) / 2}H${x + middle}V${to}`
    })
    .join('')
}

const formatCount = (count: number): string => String(count).replaceAll(/(?<=\d)(?=(?:\d{3})+$)/g, ',')

function omissionNote(omittedCount: number, shownCount: number): string | null {
  if (shownCount === 0) return 'No agents yet'
  if (omittedCount === 0) return null
  return `${formatCount(omittedCount)} more ${omittedCount === 1 ? 'agent is' : 'agents are'} not drawn`
}

/**
 * Draws the organisation chart as SVG. The same tree gives the same text, to the byte. Names that people and agents wrote
 * appear only as escaped text.
 */
export const renderOrgChart = (roots: readonly OrgNode[], styleName: ChartStyleName): string => render(roots, styleName, MAX_CARDS).svg

interface Drawing {
  readonly svg: string
  /** Pixels. */
  readonly width: number
  readonly height: number
}

function render(roots: readonly OrgNode[], styleName: ChartStyleName, maxCards: number): Drawing {
  const style: ChartStyle = chartStyles[styleName]
  const { cards, omittedCount, ...size } = layOutTree(roots, maxCards)
  const note = omissionNote(omittedCount, cards.length)
  const width = Math.max(MIN_WIDTH, size.width + 2 * MARGIN)
  const height = size.height + 2 * MARGIN + (note === null ? 0 : NOTE_HEIGHT)
  const lines = renderLines(cards)
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" ` +
      `aria-label="Who reports to whom" font-family="system-ui, sans-serif" fill="${style.text}">\n`,
    `<rect width="${width}" height="${height}" fill="${style.background}"/>\n`,
    lines === '' ? '' : `<path d="${lines}" fill="none" stroke="${style.line}" stroke-width="1.5"/>\n`,
    ...cards.map((card) => renderCard(card, style)),
    note === null ? '' : `<text x="${MARGIN}" y="${height - MARGIN}" font-size="13" fill="${style.mutedText}">${note}</text>\n`,
    '</svg>\n',
  ].join('')
  return { svg, width, height }
}

async function* singleChunk(text: string): AsyncGenerator<string> {
  yield await Promise.resolve(text)
}

/** The organisation chart of a company as an SVG image. */
export async function readOrgChart(ctx: Ctx, style: ChartStyleName): Promise<StreamResponse> {
  const text = renderOrgChart(await readOrg(ctx), style)
  return { contentType: 'image/svg+xml; charset=utf-8', headers: imageHeaders, chunks: singleChunk(text) }
}

async function* singlePiece(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes)
}

/** The organisation chart of a company as a PNG image. @throws Refusal `busy` */
export async function readOrgPng(ctx: Ctx, style: ChartStyleName): Promise<FileResponse> {
  const { svg, ...size } = render(await readOrg(ctx), style, MAX_PNG_CARDS)
  const bytes = await drawPng(svg, size)
  return {
    contentType: 'image/png',
    byteSize: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    disposition: 'inline',
    name: 'org.png',
    pieces: () => singlePiece(bytes),
  }
}
