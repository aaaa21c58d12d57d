// Pure functions on text that arrives in pieces: cut, split into lines, redact secrets, make storable.
import { createCover } from '../platform/kernel/cover.ts'
import type { Cover, CoverStream } from '../platform/kernel/cover.ts'

/** The last bytes of a text; a character is never cut. */
function lastBytes(text: string, bytes: number): string {
  const buffer = Buffer.from(text.slice(-bytes).replace(/^[\uDC00-\uDFFF]/, ''))
  let start = Math.max(0, buffer.length - bytes)
  while (((buffer[start] ?? 0) & 0xc0) === 0x80) start++
  return buffer.toString('utf8', start)
}

/** The first bytes of a text; a character is never cut. */
export function firstBytes(text: string, bytes: number): string {
  const buffer = Buffer.from(text)
  let end = Math.min(buffer.length, bytes)
  while (end > 0 && end < buffer.length && ((buffer[end] ?? 0) & 0xc0) === 0x80) end--
  return buffer.toString('utf8', 0, end)
}

/** Keeps the end of a text that grows without limit. */
export function tailBuffer(bytes: number): { add(text: string): void; text(): string } {
  let tail = ''
  return {
    add(text) {
      tail += text
      // Cut only when it has grown to four times the limit: a cut at every chunk would copy the tail every time.
      if (tail.length > 4 * bytes) tail = lastBytes(tail, bytes)
    },
    text: () => lastBytes(tail, bytes),
  }
}

/** Splits a text that grows without limit into lines. A line longer than `maxLength` characters is skipped completely. */
export function lineSplitter(maxLength: number, onLine: (line: string) => void): { add(text: string): void; end(): void } {
  let partialLine = ''
  let isSkipping = false
  const finish = (line: string): void => {
    if (!isSkipping && line !== '' && line.length <= maxLength) onLine(line)
    isSkipping = false
    partialLine = ''
  }
  return {
    add(text) {
      const [first = '', ...rest] = text.split('\n')
      if (!isSkipping) partialLine += first
      if (partialLine.length > maxLength) {
        isSkipping = true
        partialLine = ''
      }
      for (const next of rest) {
        finish(partialLine)
        partialLine = next
      }
    },
    end: () => finish(partialLine),
  }
}

/** Covers of the secrets of jobs. A job has one list of secrets. */
const covers = new WeakMap<readonly string[], Cover>()

/** The cover of some secrets, made once for a list. */
export function coverOf(secrets: readonly string[]): Cover {
  const known = covers.get(secrets)
  if (known !== undefined) return known
  const cover = createCover(secrets)
  covers.set(secrets, cover)
  return cover
}

/**
 * Redacts secrets in a text that arrives in pieces (I17). When a piece ends with the beginning of a secret, that part is held
 * back until the next piece decides.
 */
export const secretRedactor = (secrets: readonly string[]): CoverStream => coverOf(secrets).stream()

/** Redacts secrets in a complete text. */
export const redactSecrets = (text: string, secrets: readonly string[]): string => coverOf(secrets).text(text)

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g

/** A text that every store accepts: without NUL and without lone surrogates. */
export const toStorableText = (text: string): string => text.replaceAll('\0', '\uFFFD').replace(LONE_SURROGATE, '\uFFFD')
