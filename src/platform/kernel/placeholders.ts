// Placeholders of secrets in configurations that a client read, changed and sent back (`cases.md` K2).

import { refuse } from './errors.ts'
import { containsRedacted, restoreRedacted } from './redact.ts'

const refuseRedacted = (fields: readonly string[]): never =>
  refuse('payload_invalid', { message: 'The configuration holds redacted values; send them in full', details: { fields } })

/**
 * Refuses placeholders in a configuration that is new: no stored value can take their place.
 * @param fields the fields of the input that hold a configuration
 * @throws Refusal `payload_invalid`
 */
export function requireNoRedacted<T extends object>(input: T, fields: readonly (keyof T & string)[]): void {
  const redacted = fields.filter((field) => containsRedacted(input[field]))
  if (redacted.length > 0) refuseRedacted(redacted)
}

/**
 * Puts stored values in the place of their placeholders, so that a client that sends back what it read keeps its secrets.
 * @param stored the row before the change
 * @param fields the fields of the input that hold a configuration
 * @throws Refusal `payload_invalid` for a placeholder where no stored value was redacted
 */
export function restoreSecrets<T extends object>(
  input: T,
  stored: { readonly [K in keyof T]?: unknown },
  fields: readonly (keyof T & string)[],
): T {
  const restored = fields.flatMap((field): [string, unknown][] => {
    if (!containsRedacted(input[field])) return []
    const result = restoreRedacted({ [field]: input[field] }, { [field]: stored[field] })
    return [[field, result === null ? refuseRedacted([field]) : result.value[field]]]
  })
  return restored.length === 0 ? input : { ...input, ...Object.fromEntries(restored) }
}
