// The problems of a configuration that its text shows, without this host: a create or a change of an agent is decided by them.
import type { AdapterType } from '../model/adapterTypes.ts'
import { adapterConfigs } from './catalogue.ts'

const isKnown = (type: string): type is AdapterType => Object.hasOwn(adapterConfigs, type)

/** A stored configuration may write null or an empty text for a field that it does not have. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== ''

interface FieldProblems {
  /** Fields with a value that no run can use, as `path: message`. Values are not repeated: one of them may be a secret. */
  readonly invalid: readonly string[]
  /** Fields that are needed by every run that this server starts, and have no value. */
  readonly missing: readonly string[]
  /** Names that are no fields of the adapter; they have no effect. */
  readonly ignored: readonly string[]
}

/**
 * Compares a configuration with the fields of an adapter.
 * @param names the top-level fields to report; all of them when it is left out
 */
export function fieldProblems(type: string, config: Readonly<Record<string, unknown>>, names?: readonly string[]): FieldProblems {
  const issues = (isKnown(type) ? adapterConfigs[type].safeParse(config).error?.issues : null) ?? []
  const invalid: string[] = []
  const missing: string[] = []
  for (const { path, message } of issues) {
    const name = String(path[0] ?? '')
    if (names !== undefined && !names.includes(name)) continue
    if (isGiven(config[name])) invalid.push(`${path.join('.')}: ${message}`)
    else missing.push(name)
  }
  const ignored = isKnown(type) ? Object.keys(config).filter((name) => !Object.hasOwn(adapterConfigs[type].shape, name)) : []
  return { invalid, missing, ignored: names === undefined ? ignored : ignored.filter((name) => names.includes(name)) }
}
