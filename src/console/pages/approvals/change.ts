// The present configuration of an agent against the one that an approval leads to.

import { jsonText } from '../../texts/TextDiff.tsx'
import { escapeHidden } from '../../texts/hiddenCharacters.ts'
import { recordOf } from './words.ts'

type Config = Readonly<Record<string, unknown>>

/** The maps of a configuration whose values may be secrets. */
const secretMaps = ['env', 'headers'] as const

/** In the place of a value that stays. The database stores no text with a NUL, so no value looks like it. */
const KEPT = '\u0000'
const keptText = JSON.stringify(KEPT)

/** `{"type":"plain","value":"x"}` is stored for `"x"`, and is the same. */
function plainValue(binding: unknown): unknown {
  const { type, value, ...rest } = recordOf(binding)
  return type === 'plain' && value !== undefined && Object.keys(rest).length === 0 ? value : binding
}

/** Values of variables and headers that a change leaves alone are not shown: they may be secrets, and nothing is decided about them. */
function withoutKept(one: Config, other: Config): Config {
  if (one['adapterConfig'] === undefined) return one
  const config = recordOf(one['adapterConfig'])
  const maps = secretMaps.flatMap((name) => {
    if (config[name] === undefined) return []
    const before = recordOf(recordOf(other['adapterConfig'])[name])
    const shown = Object.entries(recordOf(config[name])).map(([key, value]) => [
      key,
      jsonText(plainValue(value)) === jsonText(plainValue(before[key])) ? KEPT : plainValue(value),
    ])
    return [[name, Object.fromEntries(shown)]]
  })
  return { ...one, adapterConfig: { ...config, ...Object.fromEntries(maps) } }
}

export interface Change {
  readonly before: string
  readonly after: string
  /** The fields at the top that differ. */
  readonly fields: readonly string[]
}

/** With a comma after every last line too: else the line before an added one would be another line. */
const withCommas = (json: string): string => json.replaceAll(/(?<![{[,])\n(?=\s*[}\]])/g, ',\n')

/**
 * The two configurations as texts for a comparison, with hidden characters escaped.
 * @param agent as it is now
 * @param result the configuration after an approval; only its fields are compared
 */
export function changeOf(agent: Config, result: Config): Change {
  const present = Object.fromEntries(Object.keys(result).map((name) => [name, agent[name] ?? null]))
  const fields = Object.keys(result).filter((name) => jsonText(present[name]) !== jsonText(result[name] ?? null))
  const text = (one: Config, other: Config): string =>
    withCommas(escapeHidden(jsonText(withoutKept(one, other)).replaceAll(keptText, '(as it is)')))
  return { before: text(present, result), after: text(result, present), fields }
}
