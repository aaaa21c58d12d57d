// Pure functions on text that arrives in pieces: cut, split into lines, redact secrets, make storable.
import { REDACTED } from '../platform/kernel/redact.ts'

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

/** A shorter secret would be found in ordinary words. */
const MIN_SECRET_LENGTH = 8

const partialSecretLength = (text: string, secrets: readonly string[]): number =>
  secrets.reduce((most, secret) => {
    for (let length = Math.min(secret.length - 1, text.length); length > most; length--)
      if (text.endsWith(secret.slice(0, length))) return length
    return most
  }, 0)

/**
 * Redacts secrets in a text that arrives in pieces (I17). When a piece ends with the beginning of a secret, that part is held
 * back until the next piece decides.
 */
export function secretRedactor(secrets: readonly string[]): { add(text: string): string; end(): string } {
  // The longest first: a shorter secret may be the beginning of a longer one.
  const longestFirst = secrets.filter((secret) => secret.length >= MIN_SECRET_LENGTH).toSorted((a, b) => b.length - a.length)
  let pending = ''
  return {
    add(text) {
      const redacted = longestFirst.reduce((partlyRedacted, secret) => partlyRedacted.replaceAll(secret, REDACTED), pending + text)
      const heldLength = partialSecretLength(redacted, longestFirst)
      pending = redacted.slice(redacted.length - heldLength)
      return redacted.slice(0, redacted.length - heldLength)
    },
    end() {
      const rest = pending
      pending = ''
      return rest
    },
  }
}

/** Redacts secrets in a complete text. */
export function redactSecrets(text: string, secrets: readonly string[]): string {
  const redactor = secretRedactor(secrets)
  return redactor.add(text) + redactor.end()
}

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g

/** A text that every store accepts: without NUL and without lone surrogates. */
export const toStorableText = (text: string): string => text.replaceAll('\0', '\uFFFD').replace(LONE_SURROGATE, '\uFFFD')
