// The report of a run, from the free JSON of its agent. Pure functions.

import type { Run, RunEvent } from '../../api/types.ts'
import { formatNumber } from '../../parts/time.ts'
import { costOf } from '../runs/words.ts'

type Json = Readonly<Record<string, unknown>>

/** A name and its value, as the page shows them. */
export type Line = readonly [name: string, value: string]

const counts: readonly (readonly [keys: readonly string[], name: string])[] = [
  [['inputTokens', 'input_tokens'], 'Input tokens'],
  [['cachedInputTokens', 'cached_input_tokens'], 'Cached input tokens'],
  [['outputTokens', 'output_tokens'], 'Output tokens'],
]

/** The usage that the agent reported, the known names in words. */
export function usageLines(run: Pick<Run, 'usageJson'>): readonly Line[] {
  const usage = run.usageJson ?? {}
  const known = counts.flatMap(([keys, name]): Line[] => {
    const value = keys.map((key) => usage[key]).find((found) => typeof found === 'number')
    return value === undefined ? [] : [[name, formatNumber(value as number)]]
  })
  const cost = costOf(run)
  const model = usage['model']
  return [...(typeof model === 'string' ? [['Model', model] as const] : []), ...known, ...(cost === null ? [] : [['Cost', cost] as const])]
}

/** The words of a result, and its other fields. */
export function resultParts(result: Json | null): { readonly words: string | null; readonly rest: Json | null } {
  if (result === null) return { words: null, rest: null }
  const key = ['summary', 'result', 'message'].find((name) => typeof result[name] === 'string' && result[name] !== '')
  const rest = Object.fromEntries(Object.entries(result).filter(([name]) => name !== key))
  return { words: key === undefined ? null : String(result[key]), rest: Object.keys(rest).length === 0 ? null : rest }
}

/** How a run was started: its command, and the names of the variables in its environment. */
export interface Start {
  readonly lines: readonly Line[]
  readonly command: string | null
  readonly variables: readonly string[]
}

const plain = /^[\w@%+=:,./-]+$/

/** An argument as a shell would take it. */
const quoted = (argument: string): string => (plain.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`)

const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

/** The start of a run from its events; null where this server did not start it. */
export function startOf(events: readonly RunEvent[]): Start | null {
  const payload = events.find(({ eventType }) => eventType === 'adapter.invoke')?.payload
  if (payload === null || payload === undefined) return null
  const command = payload['command']
  const names: readonly (readonly [string, string])[] = [
    ['adapterType', 'Adapter'],
    ['request', 'Request'],
    ['cwd', 'Folder'],
    ['isolation', 'Isolation'],
    ['isolationReason', 'Because'],
  ]
  const lines = names.flatMap(([key, name]): Line[] => (typeof payload[key] === 'string' ? [[name, payload[key]]] : []))
  const seconds = payload['timeoutSec']
  return {
    lines: typeof seconds === 'number' && seconds > 0 ? [...lines, ['Time limit', `${formatNumber(seconds)} s`]] : lines,
    command: typeof command === 'string' ? [command, ...texts(payload['commandArgs'])].map(quoted).join(' ') : null,
    variables: [...texts(payload['env'])],
  }
}
