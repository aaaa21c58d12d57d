import { createTurns } from '../../platform/kernel/turns.ts'
import { warningsOf } from '../approvals/index.ts'
import type { AgentEntry, ProjectEntry } from './entries.ts'

/** An entry, and what the import makes of it. */
interface Planned<E> {
  readonly entry: E
  readonly action: 'create' | 'update' | 'skip'
}

/** A warning shows so much of a command: aliases of YAML repeat a long text for nothing. */
const SHOWN_LENGTH = 4000

/** The words of a command, and how many of them are not shown. */
function shown(words: readonly unknown[]): string {
  let left = SHOWN_LENGTH
  const taken: unknown[] = []
  for (const word of words) {
    if (left <= 0) break
    const text = typeof word === 'string' && word.length > left ? `${word.slice(0, left)}…` : word
    taken.push(text)
    left -= typeof text === 'string' ? text.length + 1 : SHOWN_LENGTH / 100
  }
  const more = words.length - taken.length
  return `${JSON.stringify(taken)}${more === 0 ? '' : ` and ${more} more words`}`
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as readonly unknown[]) : [])

/** The first place of each kind of warning, and how many more there are: a package has many agents. */
function calledOut(configuration: Readonly<Record<string, unknown>>): string[] {
  const warnings = warningsOf(configuration)
  return [...new Set(warnings.map(({ code }) => code))].map((code) => {
    const [first, ...others] = warnings.filter((warning) => warning.code === code)
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`
    return `${first?.path}: ${first?.message}${more}`
  })
}

function powerOfAgent({ name, adapterConfig = {}, runtimeConfig = {} }: AgentEntry): string[] {
  const { command, url } = adapterConfig
  const words = ['commandArgs', 'args', 'extraArgs'].flatMap((field) => listOf(adapterConfig[field]))
  return [
    ...(typeof command === 'string' || words.length > 0 ? [`executes ${shown([command ?? null, ...words])}`] : []),
    ...(typeof url === 'string' ? [`is reached at ${shown([url])}`] : []),
    ...calledOut({ name, adapterConfig, runtimeConfig }),
  ]
}

/** Warnings of the entries of a package, by the paths of their files. */
export type PowerWarnings = ReadonlyMap<string, readonly string[]>

/**
 * Says what a package gives to those who wrote it, before and after the board imports it: a person may import what an agent wrote, and a
 * preview has no other place for it (threats T4). It takes turns, because a package has many texts.
 */
export async function findPower(agents: readonly AgentEntry[], projects: readonly ProjectEntry[]): Promise<PowerWarnings> {
  const turns = createTurns()
  const found = new Map<string, readonly string[]>()
  for (const entry of agents) {
    found.set(entry.path, powerOfAgent(entry))
    await turns.yieldIfDue()
  }
  for (const { path, env } of projects) {
    const ofEnv = calledOut({ runtimeConfig: { env: env ?? {} } })
    found.set(
      path,
      ofEnv.map((each) => each.replace('runtimeConfig.', '')),
    )
    await turns.yieldIfDue()
  }
  return found
}

/** Adds the warnings of the entries that are imported. An import gives permissions to new agents only. */
export function warnOfPower(
  power: PowerWarnings,
  agents: readonly Planned<AgentEntry>[],
  projects: readonly Planned<ProjectEntry>[],
  warnings: string[],
): void {
  const warn = (path: string, texts: readonly string[]): void => void warnings.push(...texts.map((text) => `${path}: ${text}`))
  for (const { entry, action } of agents) {
    const { path, role, permissions } = entry
    if (action === 'create' && (permissions?.canCreateAgents ?? role === 'ceo')) warn(path, ['may create agents'])
    if (action !== 'skip') warn(path, power.get(path) ?? [])
  }
  for (const { entry, action } of projects) if (action !== 'skip') warn(entry.path, power.get(entry.path) ?? [])
}
