import { Parser } from 'htmlparser2'
import { refuse } from '../../platform/kernel/errors.ts'

/**
 * Sanitizes SVG drawings. A drawing is a program: it may contain scripts, fetch what it references, and grow when it is
 * rendered. No drawing is stored as it was received. The parser builds a tree of the elements and attributes that are listed
 * here, and the tree is serialized. Prologs, document types, entities, comments and processing instructions are never in the
 * tree.
 */

/** Drawing programs write fewer levels, and every viewer can read this many. */
const MAX_DEPTH = 64
/** A logo has far fewer elements. Each element costs time in the browser of every viewer. */
const MAX_ELEMENTS = 20_000

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
  /** The id of another element of the same drawing that the element references. */
  readonly refersTo: string | null
  readonly children: (Element | string)[]
}

/** Longest value of an attribute other than those of `geometryAttributes`, and longest style sheet, in characters. */
const VALUE_MAX_LENGTH = 2000
const SHEET_MAX_LENGTH = 64 * 1024
/** Outlines have no limit of length, because they may only contain numbers, separators and letters. */
const geometryAttributes: ReadonlySet<string> = new Set(['d', 'points'])
const geometryValue = /^[\s\d.,+\-A-Za-z]*$/
/**
 * Characters before a parenthesis in which the name of the function is searched. Without this bound a long value would cost
 * quadratic time.
 */
const NAME_LOOKBEHIND = 32

/** The names of the functions in a value, in lower case. */
function* functionsIn(value: string): Generator<string> {
  for (let index = value.indexOf('('); index >= 0; index = value.indexOf('(', index + 1))
    yield (/([\w-]*)\s*$/.exec(value.slice(Math.max(0, index - NAME_LOOKBEHIND), index))?.[1] ?? '').toLowerCase()
}

/**
 * Whether a value only describes an appearance. Values with escapes are refused, because an escape can hide a word that is
 * searched for here. Values with unknown functions are refused, too.
 */
function isHarmless(value: string): boolean {
  if (/[\\<&@]|\/\*/.test(value)) return false
  for (const name of functionsIn(value)) if (!allowedFunctions.has(name)) return false
  return true
}

/** As `isHarmless`, and all its references are to the same drawing. */
const isLocal = (value: string): boolean => isHarmless(value) && !/\burl\b/i.test(value.replaceAll(localUrl, ''))

/** Whether a style sheet is harmless and contains neither references nor imports. */
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

/** Parses a text into a tree of the allowed elements and attributes. Null when the text is not a drawing. */
function parseSvg(text: string): Element | null {
  let root: Element | null = null
  let isFinished = false
  let count = 0
  let depth = 0
  // The depth of an element that was removed; everything inside it is removed, too.
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

/** All elements of a tree, each with its ancestors. */
function* walk(element: Element, ancestors: readonly Element[] = []): Generator<{ element: Element; ancestors: readonly Element[] }> {
  yield { element, ancestors }
  const pathToChildren = [...ancestors, element]
  for (const child of element.children) if (typeof child !== 'string') yield* walk(child, pathToChildren)
}

/**
 * The ids of elements that are or contain a `use`. A `use` of such an element could multiply the drawing exponentially (ten of
 * ten of ten), so an element that is used must not contain a `use`.
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
// Characters that XML cannot represent are removed.
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
 * Returns a sanitized copy of a drawing.
 * @throws Refusal `file_invalid` when the text is not a drawing, is too deep or too large, or when no visible element remains
 */
export function sanitizeSvg(text: string): Buffer {
  const root = parseSvg(text)
  if (root === null) return refuse('file_invalid', { message: 'File is not an SVG drawing' })
  const output: SvgOutput = { parts: [], drawnCount: 0 }
  serialize(root, idsContainingUse(root), output)
  if (output.drawnCount === 0) refuse('file_invalid', { message: 'The drawing has no visible element that may be stored' })
  return Buffer.from(output.parts.join(''), 'utf8')
}
