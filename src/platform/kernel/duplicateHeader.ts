/**
 * True when a request carries a header more than once. Of headers that may come once Node keeps the first and says
 * nothing; which one the caller meant is not ours to guess.
 * @param name lower-case
 */
export function hasDuplicateHeader({ rawHeaders }: { readonly rawHeaders: readonly string[] }, name: string): boolean {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const header = rawHeaders[at]
    if (header?.length === name.length && header.toLowerCase() === name) count += 1
  }
  return count > 1
}
