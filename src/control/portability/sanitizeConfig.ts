import { containsRedacted, redact } from '../../platform/kernel/redact.ts'

/** A name in an environment whose value a package does not contain. */
export interface EnvInput {
  readonly key: string
  readonly kind: 'plain' | 'secret'
  readonly agentSlug: string | null
  readonly projectSlug: string | null
  readonly requirement: 'optional'
  readonly defaultValue: ''
  readonly description: null
}

export interface SanitizedConfig {
  readonly value: Readonly<Record<string, unknown>>
  /** Names in environments, with the kind of their values. */
  readonly env: readonly { readonly key: string; readonly kind: EnvInput['kind']; readonly isSet: boolean }[]
  /** Paths of values that were removed because they look like secrets. */
  readonly dropped: readonly string[]
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const isReference = (value: unknown): boolean => isRecord(value) && value['type'] === 'secret_ref'

const placeholder = { type: 'plain', value: '' } as const

/** Whether an environment value is present: neither empty nor a placeholder of an earlier export. */
function isSet(value: unknown): boolean {
  return value !== '' && value !== null && !(isRecord(value) && value['type'] === 'plain' && value['value'] === '')
}

/**
 * Removes secrets from a configuration, so that it may leave its company (I17). Of an environment it keeps only the names:
 * no rule can decide whether a value is secret, and stored secrets belong to one company. Other values that look like
 * secrets are removed.
 */
export function sanitizeConfig(config: Readonly<Record<string, unknown>>): SanitizedConfig {
  const env: { key: string; kind: EnvInput['kind']; isSet: boolean }[] = []
  const dropped: string[] = []
  const blankValues = (bindings: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(bindings).map(([key, value]) => {
        env.push({ key, kind: isReference(value) ? 'secret' : 'plain', isSet: isSet(value) })
        return [key, placeholder]
      }),
    )
  const sanitize = (value: Record<string, unknown>, path: string): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
        const at = path === '' ? key : `${path}.${key}`
        if (key.toLowerCase() === 'env' && isRecord(item)) return [[key, blankValues(item)]]
        if (isRecord(item) && !isReference(item)) return [[key, sanitize(item, at)]]
        if (!containsRedacted(item) && !isRecord(item)) return [[key, item]]
        dropped.push(at)
        return []
      }),
    )
  return { value: sanitize(redactNamed(config), ''), env, dropped }
}

/** The names in environments of a configuration, as `sanitizeConfig` finds them. It looks at no value, so it costs a tenth. */
export function envNamesOf(config: Readonly<Record<string, unknown>>): Pick<EnvInput, 'key' | 'kind'>[] {
  return Object.entries(config).flatMap(([name, item]) => {
    if (!isRecord(item)) return []
    if (name.toLowerCase() !== 'env') return isReference(item) ? [] : envNamesOf(item)
    return Object.entries(item).map(([key, value]) => ({ key, kind: isReference(value) ? ('secret' as const) : ('plain' as const) }))
  })
}

/** Redacts values below secret names, before the recursion loses those names. Environments stay, because they are blanked. */
function redactNamed(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const redacted = redact(config) as Record<string, unknown>
  const restoreEnv = (before: Readonly<Record<string, unknown>>, after: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(after).map(([key, item]) => {
        const original = before[key]
        if (key.toLowerCase() === 'env') return [key, original]
        return [key, isRecord(item) && isRecord(original) ? restoreEnv(original, item) : item]
      }),
    )
  return restoreEnv(config, redacted)
}

/** A text with its secrets redacted. */
export const redactText = (text: string | null): string | null => (text === null ? null : redact(text))
