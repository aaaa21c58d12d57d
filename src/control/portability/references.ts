import path from 'node:path'

/** An entry that others may refer to: the name of its folder, the `slug` of its head if it has one, and its file. */
export interface Target {
  readonly slug: string
  readonly path: string
  readonly alias: string | null
}

/**
 * Finds entries of one kind by reference: a slug, as `ceo`, or a path from the file or from the root of the package, as
 * `../ceo/AGENTS.md` or `agents/ceo`.
 * @returns a function from reference and referring file to a slug. A reference to nothing in the package stays a slug, because the company may have such a row.
 */
export function createResolver(targets: readonly Target[]): (reference: string, from: string) => string {
  const byPath = new Map<string, string>()
  const bySlug = new Map<string, string>()
  // The name of a folder goes before an alias, because exports write it.
  for (const { alias, slug } of targets) if (alias !== null && !bySlug.has(alias.toLowerCase())) bySlug.set(alias.toLowerCase(), slug)
  for (const target of targets) {
    bySlug.set(target.slug.toLowerCase(), target.slug)
    byPath.set(target.path, target.slug)
    byPath.set(path.posix.dirname(target.path), target.slug)
  }
  return (reference, from) => {
    const trimmed = reference.trim()
    const isPath = trimmed.includes('/') || trimmed.endsWith('.md')
    if (!isPath) return bySlug.get(trimmed.toLowerCase()) ?? trimmed
    const normalize = (folder: string): string => path.posix.join(folder, trimmed).replace(/\/$/, '')
    const found = byPath.get(normalize(path.posix.dirname(from))) ?? byPath.get(normalize('.'))
    if (found !== undefined) return found
    const name = path.posix.basename(trimmed.endsWith('.md') ? path.posix.dirname(trimmed) : trimmed)
    return bySlug.get(name.toLowerCase()) ?? name
  }
}
