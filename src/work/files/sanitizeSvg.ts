import { Parser } from 'htmlparser2'
import { refuse } from '../../platform/kernel/errors.ts'

/**
 * Drawings are programs: they may carry scripts, fetch what they refer to, and grow when they are drawn. So none is kept as
 * it was sent. It is read into a tree of what is allowed, and written anew from that; what is not listed here does not
 * exist. Prologs, document types, entities, comments and processing instructions have no place in the tree.
 */

/** Deep enough for what drawing programs write, shallow enough for every reader behind us. */
const MAX_DEPTH = 64
/** A logo of more elements is a map; and each costs whoever looks at it. */
const MAX_ELEMENTS = 20_000

/** The words of a text. */
const splitWords = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')

const drawableElements: ReadonlySet<string> = new Set(splitWords('path rect circle ellipse line polyline polygon text use'))
const textElements: ReadonlySet<string> = new Set(splitWords('text tspan title desc style'))
const allowedElements: ReadonlySet<string> = new Set(
  splitWords(`path rect circle ellipse line polyline polygon text use tspan title desc style svg g defs symbol linearGradient radialGradient
  stop clipPath mask pattern marker filter feBlend feColorMatrix feComposite feFlood feGaussianBlur feMerge feMergeNode feMorphology
  feOffset`),
)

const allowedAttributes: ReadonlySet<string> = new Set(
  splitWords(`id class style transform x y x1 y1 x2 y2 dx dy cx cy r rx ry fx fy width height d points viewBox preserveAspectRatio version
  fill fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray
  stroke-dashoffset color opacity display visibility overflow clip-path clip-rule mask filter paint-order vector-effect mix-blend-mode
  font-family font-size font-style font-weight letter-spacing word-spacing text-anchor dominant-baseline alignment-baseline
  baseline-shift text-decoration textLength lengthAdjust rotate offset stop-color stop-opacity gradientUnits gradientTransform
  spreadMethod patternUnits patternContentUnits patternTransform clipPathUnits maskUnits maskContentUnits filterUnits primitiveUnits
  marker-start marker-mid marker-end markerWidth markerHeight markerUnits refX refY orient shape-rendering text-rendering
  color-interpolation color-interpolation-filters flood-color flood-opacity in in2 result stdDeviation mode operator k1 k2 k3 k4
  type values radius role`),
)

/** Elements that may refer to another of the same drawing by `href`. */
const referencingElements: ReadonlySet<string> = new Set(['use', 'linearGradient', 'radialGradient', 'pattern'])

const localReference = /^\s*#([A-Za-z_][\w.-]{0,199})\s*$/
/** Functions of styles and attributes that neither fetch nor compute anything. */
const allowedFunctions: ReadonlySet<string> = new Set(splitWords('rgb rgba hsl hsla matrix translate scale rotate skewx skewy url'))
const localUrl = /\burl\(\s*(["']?)#[A-Za-z_][\w.-]{0,199}\1\s*\)/gi

interface Element {
  readonly name: string
  readonly attributes: Record<string, string>
  /** What it refers to in the same drawing. */
  readonly refersTo: string | null
  readonly children: (Element | string)[]
}

/** Longest value of an attribute but those of `numbers`, and longest style sheet, in characters. */
const VALUE_MAX_LENGTH = 2000
const SHEET_MAX_LENGTH = 64 * 1024
/** Outlines may be as long as they like: they consist of numbers and letters. */
const geometryAttributes: ReadonlySet<string> = new Set(['d', 'points'])
const geometryValue = /^[\s\d.,+\-A-Za-z]*$/
/** A name and what may stand between it and its parenthesis; looked at from behind, or a long value would cost its square. */
const NAME_LOOKBEHIND = 32

/** The names of functions in a value, in small letters. */
function* functionsIn(value: string): Generator<string> {
  for (let index = value.indexOf('('); index >= 0; index = value.indexOf('(', index + 1))
    yield (/([\w-]*)\s*$/.exec(value.slice(Math.max(0, index - NAME_LOOKBEHIND), index))?.[1] ?? '').toLowerCase()
}

/**
 * True for a value that only says how something looks. An escape could spell a word that is looked for here, so there are
 * none; and of the functions only those that are known.
 */
function isHarmless(value: string): boolean {
  if (/[\\<&@]|\/\*/.test(value)) return false
  for (const name of functionsIn(value)) if (!allowedFunctions.has(name)) return false
  return true
}

/** As `isHarmless`, and whatever it refers to is in the same drawing. */
const isLocal = (value: string): boolean => isHarmless(value) && !/\burl\b/i.test(value.replaceAll(localUrl, ''))

/** A style sheet may refer to nothing at all, and bring nothing in. */
const isPlainSheet = (sheet: string): boolean =>
  sheet.length <= SHEET_MAX_LENGTH && isHarmless(sheet) && !/\burl\b|expression|behavior|-moz-binding/i.test(sheet)

function filterAttributes(rawAttributes: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(rawAttributes).filter(([name, value]) => {
    if (!allowedAttributes.has(name)) return false
    return geometryAttributes.has(name) ? geometryValue.test(value) : value.length <= VALUE_MAX_LENGTH && isLocal(value)
  })
  return Object.fromEntries(pairs)
}

function elementOf(name: string, rawAttributes: Readonly<Record<string, string>>): Element {
  const href = rawAttributes['href'] ?? rawAttributes['xlink:href']
  const refersTo = href === undefined || !referencingElements.has(name) ? null : (localReference.exec(href)?.[1] ?? null)
  return { name, attributes: filterAttributes(rawAttributes), refersTo, children: [] }
}

/** Reads a drawing into a tree of what is allowed. Null for what is no drawing. */
function parseSvg(text: string): Element | null {
  let root: Element | null = null
  let isFinished = false
  let count = 0
  let depth = 0
  // At the depth where something was left out, everything inside it is.
  let skippedDepth: number | null = null
  const open: Element[] = []
  const parser = new Parser(
    {
      onopentag(name, rawAttributes) {
        depth += 1
        count += 1
        if (depth > MAX_DEPTH) refuse('file_invalid', { message: `The drawing is nested deeper than ${MAX_DEPTH} levels` })
        if (count > MAX_ELEMENTS) refuse('file_invalid', { message: `The drawing has more than ${MAX_ELEMENTS} elements` })
        if (skippedDepth !== null) return
        const parent = open.at(-1)
        const isRoot = root === null && !isFinished
        const isAllowed = isRoot ? name === 'svg' : parent !== undefined && allowedElements.has(name)
        if (isRoot && !isAllowed) isFinished = true
        if (!isAllowed) return void (skippedDepth = depth)
        const element = elementOf(name, rawAttributes)
        if (isRoot) root = element
        parent?.children.push(element)
        open.push(element)
      },
      onclosetag() {
        if (skippedDepth === null) open.pop()
        else if (skippedDepth === depth) skippedDepth = null
        depth -= 1
        if (depth === 0) isFinished = true
      },
      ontext(content) {
        const parent = open.at(-1)
        if (skippedDepth === null && parent !== undefined && textElements.has(parent.name)) parent.children.push(content)
      },
    },
    { xmlMode: true, decodeEntities: true },
  )
  parser.end(text)
  return root
}

/** Everything in a tree, each with what it stands in. */
function* walk(element: Element, ancestors: readonly Element[] = []): Generator<{ element: Element; ancestors: readonly Element[] }> {
  yield { element, ancestors }
  const pathToChildren = [...ancestors, element]
  for (const child of element.children) if (typeof child !== 'string') yield* walk(child, pathToChildren)
}

/**
 * The names of what contains a `use`. A `use` of one of these would draw it as often as it is used, ten of ten of ten: so
 * what is used uses nothing itself.
 */
function idsContainingUse(root: Element): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { element, ancestors } of walk(root)) {
    if (element.name !== 'use') continue
    for (const each of [element, ...ancestors]) if (each.attributes['id'] !== undefined) names.add(each.attributes['id'])
  }
  return names
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
// What XML has no way to write is left out.
const escapeXml = (text: string): string =>
  text.replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '').replaceAll(/[&<>"']/g, (char) => escapes[char] ?? '')

interface SvgOutput {
  readonly parts: string[]
  drawnCount: number
}

function serialize(element: Element, idsWithUse: ReadonlySet<string>, output: SvgOutput): void {
  const { name, refersTo } = element
  if (name === 'use' && (refersTo === null || idsWithUse.has(refersTo))) return
  if (name === 'style') {
    const sheet = element.children.filter((child) => typeof child === 'string').join('')
    if (isPlainSheet(sheet)) output.parts.push('<style>', escapeXml(sheet), '</style>')
    return
  }
  if (drawableElements.has(name)) output.drawnCount += 1
  output.parts.push(`<${name}`)
  if (output.parts.length === 1) output.parts.push(' xmlns="http://www.w3.org/2000/svg"')
  for (const [key, value] of Object.entries(element.attributes)) output.parts.push(` ${key}="${escapeXml(value)}"`)
  if (refersTo !== null) output.parts.push(` href="#${refersTo}"`)
  if (element.children.length === 0) return void output.parts.push('/>')
  output.parts.push('>')
  for (const child of element.children) {
    if (typeof child === 'string') output.parts.push(escapeXml(child))
    else serialize(child, idsWithUse, output)
  }
  output.parts.push(`</${name}>`)
}

/**
 * A drawing written anew from what is allowed in it.
 * @param text UTF-8 as it was sent
 * @throws Refusal `file_invalid` when it is no drawing, is too deep or too large, or nothing is left of it that could be seen
 */
export function sanitizeSvg(text: string): Buffer {
  const root = parseSvg(text)
  if (root === null) return refuse('file_invalid', { message: 'File is no SVG drawing' })
  const output: SvgOutput = { parts: [], drawnCount: 0 }
  serialize(root, idsContainingUse(root), output)
  if (output.drawnCount === 0) refuse('file_invalid', { message: 'Nothing is left of the drawing that may be kept' })
  return Buffer.from(output.parts.join(''), 'utf8')
}
