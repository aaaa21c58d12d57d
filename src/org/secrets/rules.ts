// Which values a secret may have. Pure.

/** A shorter value would be found in ordinary words, so nothing that a run writes could be searched for it. */
const MIN_VALUE_LENGTH = 8
/** The longest field of an adapter, and more than any key in PEM form. */
export const MAX_VALUE_BYTES = 32_000

/** Fewer different characters are separators and fillers, such as a row of dashes. */
const MIN_DISTINCT = 4
/** A word without digits or signs stands in texts that have nothing to do with the secret. */
const SHORT_WORD = /^[A-Za-z]{0,11}$/
/** Dates, amounts and ids. */
const SHORT_NUMBER = /^[\d.,:/ -]{0,11}$/
/** Values of settings that programs print by themselves, and words that people take for passwords. */
const COMMON =
  /^(?:(?:https?:\/\/)?(?:localhost|127\.0\.0\.1)(?::\d+)?\/?|(?:my)?pass(?:word|phrase)?\d{0,4}!?|changeme\d{0,4}|secret\d{0,4}|qwerty\w{0,8}|letmein\d{0,4}|admin\w{0,8}|root\w{0,8}|test\w{0,8}|example\w{0,8}|undefined|null|application\/json|production|development|us-(?:east|west)-\d)$/i

/**
 * The reason why a value could not be covered where a run writes it; null when it can. The sentence does not repeat the value.
 */
export function uncoverableBecause(value: string): string | null {
  const text = value.trim()
  if (text.length < MIN_VALUE_LENGTH) return `has fewer than ${MIN_VALUE_LENGTH} characters`
  if (new Set(text).size < MIN_DISTINCT) return `has fewer than ${MIN_DISTINCT} different characters`
  if (SHORT_WORD.test(text)) return 'is a short word'
  if (SHORT_NUMBER.test(text)) return 'is a short number'
  return COMMON.test(text) ? 'is a common text' : null
}
