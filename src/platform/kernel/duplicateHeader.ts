/**
 * Whether a request has a header more than once. Of a header that may occur once, Node silently keeps the first value.
 * This server does not guess which value the client meant.
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
