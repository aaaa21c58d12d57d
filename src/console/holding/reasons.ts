// The last reasons that were given in this browser, to be offered again.

const PLACE = 'paperclip.reasons'
const KEPT = 5

/** The list with a reason at its head, without a second copy of it. */
export const withReason = (reasons: readonly string[], reason: string): string[] =>
  [reason, ...reasons.filter((other) => other !== reason)].slice(0, KEPT)

/** The last reasons, newest first. A browser that keeps nothing has none. */
export function lastReasons(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(PLACE) ?? '[]')
    return Array.isArray(kept) ? kept.filter((reason): reason is string => typeof reason === 'string').slice(0, KEPT) : []
  } catch {
    return []
  }
}

/** Keeps a reason for the next time. */
export function keepReason(reason: string): void {
  try {
    localStorage.setItem(PLACE, JSON.stringify(withReason(lastReasons(), reason)))
  } catch {
    // The reason is only a convenience: a browser that keeps nothing loses nothing else.
  }
}
