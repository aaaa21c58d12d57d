import { REDACTED } from '../kernel/redact.ts'

/** The last bytes of a text, never half a character. */
function lastBytes(text: string, bytes: number): string {
  const buffer = Buffer.from(text.slice(-bytes).replace(/^[\uDC00-\uDFFF]/, ''))
  let start = Math.max(0, buffer.length - bytes)
  while (((buffer[start] ?? 0) & 0xc0) === 0x80) start++
  return buffer.toString('utf8', start)
}

/** The first bytes of a text, never half a character. */
export function firstBytes(text: string, bytes: number): string {
  const buffer = Buffer.from(text)
  let end = Math.min(buffer.length, bytes)
  while (end > 0 && end < buffer.length && ((buffer[end] ?? 0) & 0xc0) === 0x80) end--
  return buffer.toString('utf8', 0, end)
}

/** Remembers the end of a text that grows without bound. */
export function keepTail(bytes: number): { add(text: string): void; text(): string } {
  let kept = ''
  return {
    add(text) {
      kept += text
      // Cut only now and then: cutting at every chunk would copy the tail every time.
      if (kept.length > 4 * bytes) kept = lastBytes(kept, bytes)
    },
    text: () => lastBytes(kept, bytes),
  }
}

/** Cuts a text that grows without bound into lines; a line longer than `longest` characters is skipped whole. */
export function cutLines(longest: number, take: (line: string) => void): { add(text: string): void; end(): void } {
  let begun = ''
  let skipping = false
  const finish = (line: string): void => {
    if (!skipping && line !== '' && line.length <= longest) take(line)
    skipping = false
    begun = ''
  }
  return {
    add(text) {
      const [first = '', ...rest] = text.split('\n')
      if (!skipping) begun += first
      if (begun.length > longest) {
        skipping = true
        begun = ''
      }
      for (const next of rest) {
        finish(begun)
        begun = next
      }
    },
    end: () => finish(begun),
  }
}

/** Shorter than this, a secret would be found in ordinary words. */
const SHORTEST_SECRET = 8

const heldBack = (text: string, secrets: readonly string[]): number =>
  secrets.reduce((most, secret) => {
    for (let length = Math.min(secret.length - 1, text.length); length > most; length--)
      if (text.endsWith(secret.slice(0, length))) return length
    return most
  }, 0)

/**
 * Covers secrets in a text that comes in pieces (I17). A piece that ends like a secret begins is held back by that much
 * until the next one tells.
 */
export function coverSecrets(secrets: readonly string[]): { add(text: string): string; end(): string } {
  // The longest first: one secret may be the beginning of another.
  const wanted = secrets.filter((secret) => secret.length >= SHORTEST_SECRET).toSorted((a, b) => b.length - a.length)
  let held = ''
  return {
    add(text) {
      const whole = wanted.reduce((said, secret) => said.replaceAll(secret, REDACTED), held + text)
      const kept = heldBack(whole, wanted)
      held = whole.slice(whole.length - kept)
      return whole.slice(0, whole.length - kept)
    },
    end() {
      const rest = held
      held = ''
      return rest
    },
  }
}

/** As `coverSecrets`, for a text that is there whole. */
export function covered(text: string, secrets: readonly string[]): string {
  const cover = coverSecrets(secrets)
  return cover.add(text) + cover.end()
}

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g

/** A text that every store takes: no NUL, no half characters. */
export const storable = (text: string): string => text.replaceAll('\0', '\uFFFD').replace(LONE_SURROGATE, '\uFFFD')
