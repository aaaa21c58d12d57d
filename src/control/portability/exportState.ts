import type { Turns } from '../../platform/kernel/turns.ts'
import type { Contents } from './exportContents.ts'
import { redactText, sanitizeConfig } from './sanitizeConfig.ts'

/** A lookup of slugs by row id, for references inside a package. It returns null for a row that is not in the package. */
export const slugLookup = (rows: ReadonlyMap<string, { readonly id: string }>): ((id: string | null) => string | null) => {
  const slugs = new Map([...rows].map(([slug, row]) => [row.id, slug]))
  return (id) => (id === null ? null : (slugs.get(id) ?? null))
}

/** Removes null and empty fields, so that an import leaves them at their defaults. */
export const omitEmpty = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== null && value !== undefined && !(typeof value === 'object' && Object.keys(value).length === 0),
    ),
  )

/** A configuration without secrets. Each removed value adds a warning. */
export function stripSecrets(
  path: string,
  config: Readonly<Record<string, unknown>>,
  warnings: string[],
): Readonly<Record<string, unknown>> {
  const { value, env, dropped } = sanitizeConfig(config)
  const names = env.filter(({ isSet }) => isSet).map(({ key }) => key)
  if (names.length > 0) warnings.push(`${path}: the values of ${names.join(', ')} are not exported; set them after an import`)
  if (dropped.length > 0) warnings.push(`${path}: ${dropped.join(', ')} looks like a secret and is not exported`)
  return value
}

/** An export in progress. */
export interface ExportState {
  readonly files: Record<string, string>
  readonly extension: Record<string, Record<string, unknown>>
  readonly contents: Contents
  /** Whether the caller may see settings of what the host runs; only the board may (I18). */
  readonly isBoard: boolean
  readonly turns: Turns
}

/** A text with what looks like a secret redacted, and a warning of it. */
export const redactField = (path: string, value: string | null, warnings: string[]): string | null => {
  const redacted = redactText(value)
  if (redacted !== value) warnings.push(`${path}: a part of the text looks like a secret and is redacted`)
  return redacted
}
