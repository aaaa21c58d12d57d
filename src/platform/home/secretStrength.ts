// A measure of how much of a secret could be random. It refuses what a person types to get past a minimum length.

/** Shorter repeats occur in random digits by chance. */
const REPEAT = 4

/** Words of examples and manuals: an attacker tries them first, so they add nothing. */
const PLACEHOLDERS = /change[-_ ]?me|password|passwd|secret|example|default|paperclip|replace|insert|your|token|admin|test|qwerty|letmein/gi

/** A run of equal or neighbouring characters goes on in the direction in which it began: aaaa, 1234, dcba. */
function continuesRun(codes: readonly number[], at: number): boolean {
  if (at < REPEAT - 1) return false
  const step = (codes[at] ?? 0) - (codes[at - 1] ?? 0)
  if (Math.abs(step) > 1) return false
  for (let back = 1; back < REPEAT - 1; back += 1) if ((codes[at - back] ?? 0) - (codes[at - back - 1] ?? 0) !== step) return false
  return true
}

/**
 * Counts the characters of a secret that follow neither from a placeholder word, nor from a run such as 1234 or aaaa, nor
 * from an earlier occurrence of the same four characters. Of a random text nearly all count: of 32 random digits fewer than
 * 16 count once in ten million texts, of random hex digits practically never.
 */
function unpredictableCharacters(secret: string): number {
  const text = secret.replaceAll(PLACEHOLDERS, '')
  const codes = Array.from(text, (character) => character.codePointAt(0) ?? 0)
  const seen = new Set<string>()
  let count = 0
  for (let at = 0; at < codes.length; at += 1) {
    const key = at < REPEAT - 1 ? '' : codes.slice(at - REPEAT + 1, at + 1).join()
    const isRepeat = key !== '' && seen.has(key)
    if (key !== '') seen.add(key)
    if (!isRepeat && !continuesRun(codes, at)) count += 1
  }
  return count
}

/** Few different characters are as weak as few characters. Random texts of 16 digits have fewer than 5 once in a million. */
const MIN_DISTINCT = 5

/**
 * Names the fault of a secret that is long enough but could be guessed; null when it has none. Half of its minimum length
 * must be unpredictable, and it needs five different characters. The sentence does not repeat the secret.
 *
 * @param minLength the characters that such a secret must have
 */
export function weakSecretProblem(secret: string, minLength: number): string | null {
  const isWeak = new Set(secret).size < MIN_DISTINCT || unpredictableCharacters(secret) < minLength / 2
  return isWeak ? 'is too easy to guess: it repeats characters or common words. Make one with: openssl rand -base64 36' : null
}
