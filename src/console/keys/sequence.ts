// Which binding a key means, after the key before it.

/** The keys of a binding: one key, or two with a space between them. */
export interface Keyed {
  readonly keys: string
}

/** How long the second key of a sequence may take. */
const SEQUENCE_MS = 1200

/** Follows the keys that are pressed. */
export interface Sequence<Binding extends Keyed> {
  /**
   * @param bindings that work now, the most important last
   * @returns the binding to be run; null where the key means nothing, or is the first of two
   */
  readonly next: (key: string, at: number, bindings: readonly Binding[]) => Binding | null
}

/** Begins without a key. */
export function createSequence<Binding extends Keyed>(): Sequence<Binding> {
  let first: { readonly key: string; readonly at: number } | null = null
  return {
    next(key, at, bindings) {
      const started = first !== null && at - first.at < SEQUENCE_MS ? first.key : null
      first = null
      const find = (keys: string): Binding | null => bindings.findLast((binding) => binding.keys === keys) ?? null
      // The second key of a sequence that does not exist does nothing: alone it would mean another act.
      if (started !== null) return find(`${started} ${key}`)
      const found = find(key)
      if (found === null && bindings.some(({ keys }) => keys.startsWith(`${key} `))) first = { key, at }
      return found
    },
  }
}
