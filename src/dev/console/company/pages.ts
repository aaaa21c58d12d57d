// The addresses of every page, made from the list of pages: a page that is added is looked at, or the tests fail.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { FilledCompany } from './fill.ts'

const source = readFileSync(path.join(import.meta.dirname, '../../../console/pages.ts'), 'utf8')

/** The patterns of the pages of a company, as `src/console/pages.ts` lists them. It is read as a text, because it loads components. */
export const patterns: readonly string[] = [...source.matchAll(/^ {2}page\('([^']+)'/gm)].map(([, pattern = '']) => pattern)

/** An address below `/console` for a pattern. @throws Error for a part for which the company has no row */
export function addressOf(pattern: string, { prefix, shown }: FilledCompany): string {
  const parts = pattern.split('/').map((part) => {
    if (!part.startsWith(':')) return part
    const value = (shown as Readonly<Record<string, string | undefined>>)[part.slice(1)]
    if (value === undefined) throw new Error(`src/dev/console/company/fill.ts shows no row for ${part} of ${pattern}`)
    return encodeURIComponent(value)
  })
  return `/${prefix}/${parts.join('/')}`
}

/** The name of a page in the names of pictures: `issue` for `issues/:issue`. */
export const nameOf = (pattern: string): string => /:(\w+)$/.exec(pattern)?.[1] ?? pattern
