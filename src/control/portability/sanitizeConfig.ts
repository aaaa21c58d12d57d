import { containsRedacted, redact } from '../../platform/kernel/redact.ts'

/** A value of an environment that a package names and does not carry. */
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
  /** Names in environments, with what stood behind them. */
  readonly env: readonly { readonly key: string; readonly kind: EnvInput['kind']; readonly isSet: boolean }[]
  /** Where something was left out because it looks like a secret. */
  readonly dropped: readonly string[]
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const placeholder = { type: 'plain', value: '' } as const

/** True for what is a value already left out, or an empty one. */
function isSet(value: unknown): boolean {
  return value !== '' && value !== null && !(isRecord(value) && value['type'] === 'plain' && value['value'] === '')
}

/**
 * A configuration as it may leave its company (I17): of an environment only the names, because what it holds is told by
 * nothing but its author and stored secrets belong to one company; nothing else that looks like a secret.
 */
export function sanitizeConfig(config: Readonly<Record<string, unknown>>): SanitizedConfig {
  const env: { key: string; kind: EnvInput['kind']; isSet: boolean }[] = []
  const dropped: string[] = []
  const blankValues = (bindings: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(bindings).map(([key, value]) => {
        env.push({ key, kind: isRecord(value) && value['type'] === 'secret_ref' ? 'secret' : 'plain', isSet: isSet(value) })
        return [key, placeholder]
      }),
    )
  const sanitize = (value: Record<string, unknown>, path: string): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
        const at = path === '' ? key : `${path}.${key}`
        if (key.toLowerCase() === 'env' && isRecord(item)) return [[key, blankValues(item)]]
        if (isRecord(item) && item['type'] !== 'secret_ref') return [[key, sanitize(item, at)]]
        if (!containsRedacted(item) && !isRecord(item)) return [[key, item]]
        dropped.push(at)
        return []
      }),
    )
  return { value: sanitize(redactNamed(config), ''), env, dropped }
}

/** What stands below a secret name is hidden as a whole, which only the names above it can tell. */
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

/** A text as it may leave its company. */
export const redactText = (text: string | null): string | null => (text === null ? null : redact(text))
