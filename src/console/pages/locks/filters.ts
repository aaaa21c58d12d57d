// Which holds are shown, and in which order: as the address says it.

import type { Hold } from '../../api/types.ts'
import { livenessOf } from '../../holding/liveness.ts'
import type { LivenessState } from '../../holding/liveness.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Ages of a hold to choose from. */
export const ages: readonly { readonly value: string; readonly label: string; readonly ms: number }[] = [
  { value: '10m', label: 'Held for 10 min or longer', ms: 10 * MINUTE },
  { value: '1h', label: 'Held for 1 h or longer', ms: HOUR },
  { value: '4h', label: 'Held for 4 h or longer', ms: 4 * HOUR },
  { value: '1d', label: 'Held for a day or longer', ms: 24 * HOUR },
]

export const aliveChoices: readonly { readonly value: LivenessState; readonly label: string }[] = [
  { value: 'dead', label: 'Dead' },
  { value: 'silent', label: 'Silent' },
  { value: 'live', label: 'Live' },
]

/** The value of the filter for issues without a project. */
export const NO_PROJECT = 'none'

/** The filters of the page; an empty text filters nothing. */
export interface LockFilter {
  readonly alive: string
  readonly agent: string
  readonly project: string
  readonly age: string
  /** Words of the identifier, the title or the name of the agent. */
  readonly q: string
}

const names = ['alive', 'agent', 'project', 'age', 'q'] as const

/** The filters that an address has. */
export const filterOf = (query: URLSearchParams): LockFilter =>
  Object.fromEntries(names.map((name) => [name, query.get(name) ?? ''])) as Record<(typeof names)[number], string>

/** The values for `setQuery` that remove every filter. */
export const noFilter: Readonly<Record<string, null>> = Object.fromEntries(names.map((name) => [name, null]))

export const isFiltered = (filter: LockFilter): boolean => names.some((name) => filter[name] !== '')

const instantOf = (text: string | null | undefined): number | null => (text === null || text === undefined ? null : Date.parse(text))

function hasWords({ identifier, title, holder }: Hold, text: string): boolean {
  const own = `${identifier} ${title} ${holder?.agentName ?? ''} ${holder?.runId ?? ''}`.toLowerCase()
  const words = text.toLowerCase().split(/\s+/)
  return words.every((word) => own.includes(word))
}

/** Whether a hold is one of those that the filters leave. */
export function matches(hold: Hold, { alive, agent, project, age, q }: LockFilter, now: number): boolean {
  const oldest = ages.find(({ value }) => value === age)
  const since = instantOf(hold.heldSince)
  return (
    (alive === '' || alive.split(',').includes(livenessOf(hold, now).state)) &&
    (agent === '' || hold.holder?.agentId === agent) &&
    (project === '' || (hold.projectId ?? NO_PROJECT) === project) &&
    (oldest === undefined || (since !== null && now - since >= oldest.ms)) &&
    (q.trim() === '' || hasWords(hold, q.trim()))
  )
}

type SortKey = string | number | null

const ranks: Readonly<Record<LivenessState, number>> = { dead: 0, silent: 1, live: 2, free: 3 }

/** The parts of each order, compared one after the other. Nothing known comes first: it is the worse news. */
const orders: Readonly<Record<string, (hold: Hold, now: number) => readonly SortKey[]>> = {
  alive(hold, now) {
    const { state, since } = livenessOf(hold, now)
    return [ranks[state], since ?? instantOf(hold.heldSince)]
  },
  issue: ({ identifier }) => [identifier.replace(/\d+$/, ''), Number(/\d+$/.exec(identifier)?.[0] ?? 0)],
  holder: ({ holder }) => [holder?.agentName ?? null],
  since: ({ heldSince }) => [instantOf(heldSince)],
  heartbeat: ({ holder }) => [instantOf(holder?.lastSeenAt)],
  lease: ({ holder }) => [instantOf(holder?.leaseExpiresAt)],
  epoch: ({ lockEpoch }) => [lockEpoch],
  waits: ({ waitingWakes }) => [waitingWakes],
}

/** An order of the list. */
export interface LockOrder {
  readonly by: string
  readonly isDescending: boolean
}

/** The worst first. */
export const worstFirst: LockOrder = { by: 'alive', isDescending: false }

/** The order that an address has: `since`, or `-since` for the other direction. */
export function orderOf(query: URLSearchParams): LockOrder {
  const given = query.get('sort') ?? ''
  const by = given.replace(/^-/, '')
  return orders[by] === undefined ? worstFirst : { by, isDescending: given.startsWith('-') }
}

/** The value of the query for a press on the head of a column; null for the order that needs no word. */
export function nextSort({ by, isDescending }: LockOrder, pressed: string): string | null {
  const next = pressed === by && !isDescending ? `-${pressed}` : pressed
  return next === worstFirst.by ? null : next
}

const collator = new Intl.Collator()

function compareParts(one: SortKey, other: SortKey): number {
  if (one === other) return 0
  if (one === null) return -1
  if (other === null) return 1
  return typeof one === 'number' && typeof other === 'number' ? one - other : collator.compare(String(one), String(other))
}

/** The holds in an order. Equal ones keep the order of their ids, so that none moves without a cause. */
export function sorted(holds: readonly Hold[], { by, isDescending }: LockOrder, now: number): Hold[] {
  const partsOf = orders[by]
  if (partsOf === undefined) return [...holds]
  const direction = isDescending ? -1 : 1
  const rows = holds.map((hold) => ({ hold, parts: partsOf(hold, now) }))
  rows.sort((one, other) => {
    for (const [at, part] of one.parts.entries()) {
      const difference = compareParts(part, other.parts[at] ?? null)
      if (difference !== 0) return direction * difference
    }
    return one.hold.issueId < other.hold.issueId ? -1 : 1
  })
  return rows.map(({ hold }) => hold)
}
