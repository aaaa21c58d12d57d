// Covers known secret values in texts, whole or in pieces (I17). Pure.

import { REDACTED } from './redact.ts'

/** A shorter text would be found in ordinary words. */
const MIN_FORM_LENGTH = 8
/** A line of a value of several lines is searched for by itself when it is this long: programs print such values line by line. */
const MIN_LINE_LENGTH = 20
const MAX_LINES = 200

const unicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1)
const asciiEscaped = (text: string): string => escaped(text).replaceAll(/[\u007f-\uffff]/g, unicodeEscape)

/** JSON that may stand in HTML, as programs in Go and in Java write it by themselves. */
const htmlSafe = (json: string): string[] => [json.replaceAll(/[<>&]/g, unicodeEscape), json.replaceAll(/[<>&=']/g, unicodeEscape)]

const percent = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`

/** The value in addresses and forms. Languages differ in which signs they leave as they are, in the space, and in the case of the digits. */
function percentForms(text: string): string[] {
  let encoded: string
  try {
    encoded = encodeURIComponent(text)
  } catch {
    // Half a character has no such form.
    return []
  }
  const strict = encoded.replaceAll(/[!'()*]/g, percent)
  const all = [
    encoded,
    strict,
    strict.replaceAll('%2F', '/'),
    strict.replaceAll('%20', '+'),
    strict.replaceAll('~', '%7E').replaceAll('%2A', '*').replaceAll('%20', '+'),
  ]
  return all.flatMap((each) => [each, each.replaceAll(/%[0-9A-F]{2}/g, (found) => found.toLowerCase())])
}

/** The part of the base64 of a value that is the same whatever stands around the value, for each place at which it may begin. */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value)
  // By itself it may end with a character that has bits of the value and padding.
  const alone = [bytes.toString('base64'), bytes.toString('base64url')]
  const within = [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    const core = whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')]
  })
  return [...alone, ...within]
}

/** The forms in which programs write a value: as it is, in JSON and in JSON within JSON, in an address, in base64, and line by line. */
function formsOf(value: string): string[] {
  const once = escaped(value)
  const lines = value
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.length >= MIN_LINE_LENGTH && !line.startsWith('-----'))
  return [
    value,
    value.trim(),
    once,
    escaped(once),
    asciiEscaped(value),
    once.replaceAll('/', String.raw`\/`),
    ...htmlSafe(once),
    ...percentForms(value),
    ...base64Forms(value),
    ...(value.includes('\n') ? lines.slice(0, MAX_LINES) : []),
  ]
}

interface Region {
  readonly start: number
  end: number
}

/** The characters whose hash decides how far the search may jump. */
const BLOCK = 3
/** Behind so many characters of each form nothing is looked up: longer jumps save little. */
const MAX_WINDOW = 32

/**
 * Finds many texts at once, by the method of Wu and Manber: it looks at the end of a window that is as long as the shortest form, and jumps by as
 * many characters as no form allows there. A text without secrets costs a few looks for every window, however many forms there are.
 */
function createFinder(forms: readonly string[]): (text: string) => Region[] {
  const window = Math.min(MAX_WINDOW, ...forms.map((form) => form.length))
  const size = 2 ** Math.min(16, Math.max(8, Math.ceil(Math.log2(forms.length * window * 8))))
  const mask = size - 1
  const hash = (text: string, end: number): number =>
    ((text.charCodeAt(end - 2) * 961) ^ (text.charCodeAt(end - 1) * 31) ^ text.charCodeAt(end)) & mask
  const jumps = new Uint8Array(size).fill(window - BLOCK + 1)
  const endingIn = new Map<number, string[]>()
  for (const form of forms) {
    for (let end = BLOCK - 1; end < window; end += 1) jumps[hash(form, end)] = Math.min(jumps[hash(form, end)] ?? 0, window - 1 - end)
    const key = hash(form, window - 1)
    endingIn.set(key, [...(endingIn.get(key) ?? []), form])
  }
  // The longest of those that begin at one place covers all of them.
  for (const list of endingIn.values()) list.sort((one, other) => other.length - one.length)
  return (text) => {
    const regions: Region[] = []
    for (let end = window - 1; end < text.length;) {
      const key = hash(text, end)
      const jump = jumps[key] ?? 0
      if (jump > 0) {
        end += jump
        continue
      }
      const start = end - window + 1
      const form = endingIn.get(key)?.find((each) => text.startsWith(each, start))
      if (form !== undefined) addRegion(regions, start, start + form.length)
      end += 1
    }
    return regions
  }
}

/** Adds a region behind the others. Regions that overlap are one: what is left of the second would be a part of a secret. */
function addRegion(regions: Region[], start: number, end: number): void {
  const last = regions.at(-1)
  if (last !== undefined && start < last.end) last.end = Math.max(last.end, end)
  else regions.push({ start, end })
}

/** @returns where the text may end with the beginning of a form, at the earliest; its length when it does not */
function createTailSearch(forms: readonly string[]): (text: string) => number {
  const longest = Math.max(...forms.map((form) => form.length))
  const first = new Set(forms.map((form) => form.charCodeAt(0)))
  const byStart = new Map<number, string[]>()
  const keyAt = (text: string, at: number): number => text.charCodeAt(at) * 65_536 + text.charCodeAt(at + 1)
  for (const form of forms) byStart.set(keyAt(form, 0), [...(byStart.get(keyAt(form, 0)) ?? []), form])
  return (text) => {
    for (let at = Math.max(0, text.length - longest + 1); at < text.length - 1; at += 1) {
      const candidates = first.has(text.charCodeAt(at)) ? byStart.get(keyAt(text, at)) : undefined
      if (candidates === undefined) continue
      const rest = text.slice(at)
      if (candidates.some((form) => form.length > rest.length && form.startsWith(rest))) return at
    }
    return text.length > 0 && first.has(text.charCodeAt(text.length - 1)) ? text.length - 1 : text.length
  }
}

/** The text with its regions replaced. */
function replaced(text: string, regions: readonly Region[]): string {
  if (regions.length === 0) return text
  let result = ''
  let copiedTo = 0
  for (const { start, end } of regions) {
    result += text.slice(copiedTo, start) + REDACTED
    copiedTo = end
  }
  return result + text.slice(copiedTo)
}

/** Covers a text that arrives in pieces: what it returns, joined, is what the whole text would have become. */
export interface CoverStream {
  /** A piece that ends with the beginning of a secret is held back until the next one decides. */
  add(piece: string): string
  /** The rest that was held back. */
  end(): string
}

/** Covers the values of some secrets. */
export interface Cover {
  /** A whole text. The same text when it has none of the values. */
  text(text: string): string
  /** Any JSON, names of fields included. The same value when it has none of the values. */
  json<T>(value: T): T
  stream(): CoverStream
}

const nothing: Cover = {
  text: (text) => text,
  json: (value) => value,
  stream: () => ({ add: (piece) => piece, end: () => '' }),
}

type Finder = ReturnType<typeof createFinder>

function createStream(find: Finder, tailStart: (text: string) => number): CoverStream {
  let pending = ''
  /** So many characters of what is pending belong to a region whose cover was returned already. */
  let coveredTo = 0
  const take = (text: string, held: number): string => {
    const regions: Region[] = coveredTo === 0 ? [] : [{ start: 0, end: coveredTo }]
    for (const { start, end } of find(text)) addRegion(regions, start, end)
    let result = ''
    let copiedTo = 0
    let isAnnounced = coveredTo > 0
    coveredTo = 0
    for (const { start, end } of regions) {
      if (start >= held) {
        // Nothing is decided yet: the region that was returned goes on in what is pending.
        if (isAnnounced) coveredTo = end
        break
      }
      result += text.slice(copiedTo, start) + (isAnnounced ? '' : REDACTED)
      isAnnounced = false
      copiedTo = Math.min(end, held)
      coveredTo = Math.max(0, end - held)
    }
    pending = text.slice(held)
    return result + text.slice(copiedTo, held)
  }
  return {
    add(piece) {
      const text = pending + piece
      return take(text, tailStart(text))
    },
    end: () => take(pending, pending.length),
  }
}

function coverJson(text: (text: string) => string, value: unknown): unknown {
  if (typeof value === 'string') return text(value)
  // The bytes of a file are no text.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => coverJson(text, item))
    return items.some((item, at) => item !== value[at]) ? items : (value as unknown)
  }
  const entries = Object.entries(value)
  const covered = entries.map(([name, item]) => [text(name), coverJson(text, item)] as const)
  return covered.some(([name, item], at) => name !== entries[at]?.[0] || item !== entries[at]?.[1]) ? Object.fromEntries(covered) : value
}

/** Creates the cover of some values, in every form in which programs write them. Values of fewer than eight characters are not covered. */
export function createCover(values: readonly string[]): Cover {
  const forms = [...new Set(values.flatMap(formsOf))].filter((form) => form.length >= MIN_FORM_LENGTH)
  if (forms.length === 0) return nothing
  const find = createFinder(forms)
  const tailStart = createTailSearch(forms)
  const text = (whole: string): string => replaced(whole, find(whole))
  return { text, json: <T>(value: T): T => coverJson(text, value) as T, stream: () => createStream(find, tailStart) }
}
