/**
 * True when a request carries a header more than once. Of headers that may come once Node keeps the first and says
 * nothing; which one the caller meant is not ours to guess.
 * @param name lower-case
 */
export function isRepeated({ rawHeaders }: { readonly rawHeaders: readonly string[] }, name: string): boolean {
  let found = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const given = rawHeaders[at]
    if (given?.length === name.length && given.toLowerCase() === name) found += 1
  }
  return found > 1
}
