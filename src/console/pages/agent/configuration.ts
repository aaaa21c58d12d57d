// The configuration of an agent as a form, as JSON, and as the request that changes it.

import { fieldsOf } from '../../agentParts/adapterFields.ts'
import { carriedOver, configOf, faultOf, valuesOf } from '../../agentParts/formValues.ts'
import type { FormValues } from '../../agentParts/formValues.ts'
import type { AgentDetail } from '../../agentParts/reads.ts'
import type { AgentConfiguration } from '../../api/types.ts'
import { centsOf, typedCents } from '../../parts/money.ts'

/** The parts of a configuration that can be changed here, with secrets as the server covers them. */
export interface Editable {
  readonly name: string
  readonly role: string
  readonly title: string | null
  readonly reportsTo: string | null
  readonly capabilities: string | null
  readonly budgetMonthlyCents: number
  readonly adapterType: string
  readonly adapterConfig: Readonly<Record<string, unknown>>
  readonly runtimeConfig: Readonly<Record<string, unknown>>
}

const editableKeys = [
  'name',
  'role',
  'title',
  'reportsTo',
  'capabilities',
  'budgetMonthlyCents',
  'adapterType',
  'adapterConfig',
  'runtimeConfig',
] as const satisfies readonly (keyof Editable)[]

/** Joins the two reads of an agent. The settings are those of the covered one. */
export const editableOf = (configuration: AgentConfiguration, detail: AgentDetail): Editable => ({
  name: configuration.name,
  role: configuration.role,
  title: configuration.title,
  reportsTo: configuration.reportsTo,
  capabilities: detail.capabilities,
  budgetMonthlyCents: detail.budgetMonthlyCents,
  adapterType: configuration.adapterType,
  adapterConfig: configuration.adapterConfig,
  runtimeConfig: configuration.runtimeConfig,
})

/** The text that a person types. */
export interface Draft {
  readonly name: string
  readonly role: string
  readonly title: string
  readonly reportsTo: string
  readonly capabilities: string
  readonly budget: string
  readonly adapterType: string
  readonly values: FormValues
  readonly timerEnabled: boolean
  readonly intervalSec: string
  readonly wakeOnDemand: boolean
  readonly maxConcurrentRuns: string
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const heartbeatOf = ({ runtimeConfig }: Editable): Readonly<Record<string, unknown>> =>
  isRecord(runtimeConfig['heartbeat']) ? runtimeConfig['heartbeat'] : {}

const typed = (value: unknown): string => (typeof value === 'number' ? String(value) : '')

/** The form of a configuration. */
export function draftOf(editable: Editable): Draft {
  const heartbeat = heartbeatOf(editable)
  return {
    name: editable.name,
    role: editable.role,
    title: editable.title ?? '',
    reportsTo: editable.reportsTo ?? '',
    capabilities: editable.capabilities ?? '',
    budget: typedCents(editable.budgetMonthlyCents),
    adapterType: editable.adapterType,
    values: valuesOf(editable.adapterType, editable.adapterConfig),
    timerEnabled: heartbeat['enabled'] !== false,
    intervalSec: typed(heartbeat['intervalSec']),
    wakeOnDemand: heartbeat['wakeOnDemand'] !== false,
    maxConcurrentRuns: typed(heartbeat['maxConcurrentRuns']),
  }
}

/** The form after a change of the type of adapter: the fields that both types have stay. */
export const withType = (draft: Draft, base: Editable, adapterType: string): Draft => {
  if (adapterType === base.adapterType) return { ...draft, adapterType, values: valuesOf(adapterType, base.adapterConfig) }
  const config = carriedOver(draft.adapterType, adapterType, adapterConfigOf(draft, base))
  return { ...draft, adapterType, values: valuesOf(adapterType, config) }
}

/** The configuration of the adapter that a draft makes. Another type keeps nothing that its form does not show. */
export const adapterConfigOf = ({ adapterType, values }: Draft, base: Editable): Record<string, unknown> =>
  configOf(
    adapterType,
    values,
    adapterType === base.adapterType ? base.adapterConfig : carriedOver(base.adapterType, adapterType, base.adapterConfig),
  )

/** A value of the timer that a draft sets: what was not touched stays as it was. */
function heartbeatFrom(draft: Draft, base: Editable): Record<string, unknown> {
  const before = draftOf(base)
  const heartbeat: Record<string, unknown> = { ...heartbeatOf(base) }
  if (draft.timerEnabled !== before.timerEnabled) heartbeat['enabled'] = draft.timerEnabled
  if (draft.wakeOnDemand !== before.wakeOnDemand) heartbeat['wakeOnDemand'] = draft.wakeOnDemand
  for (const name of ['intervalSec', 'maxConcurrentRuns'] as const) {
    if (draft[name] === before[name]) continue
    if (draft[name] === '') delete heartbeat[name]
    else heartbeat[name] = Number(draft[name])
  }
  return heartbeat
}

const orNull = (text: string): string | null => (text.trim() === '' ? null : text)

/** The configuration that a draft makes. Expects a draft without faults. */
export function editedBy(draft: Draft, base: Editable): Editable {
  const heartbeat = heartbeatFrom(draft, base)
  const hasHeartbeat = 'heartbeat' in base.runtimeConfig || Object.keys(heartbeat).length > 0
  return {
    name: draft.name,
    role: draft.role,
    title: draft.title === (base.title ?? '') ? base.title : orNull(draft.title),
    reportsTo: orNull(draft.reportsTo),
    capabilities: draft.capabilities === (base.capabilities ?? '') ? base.capabilities : orNull(draft.capabilities),
    budgetMonthlyCents: centsOf(draft.budget) ?? base.budgetMonthlyCents,
    adapterType: draft.adapterType,
    adapterConfig: adapterConfigOf(draft, base),
    runtimeConfig: hasHeartbeat ? { ...base.runtimeConfig, heartbeat } : base.runtimeConfig,
  }
}

/** The reasons that keep a draft from being saved, in sentences. */
export function faultsOf(draft: Draft): string[] {
  const faults = fieldsOf(draft.adapterType).flatMap((field) => faultOf(field, draft.values[field.name]) ?? [])
  if (draft.name.trim() === '') faults.push('An agent needs a name')
  if (centsOf(draft.budget) === null) faults.push('The budget is an amount such as 120 or 12.50')
  return faults
}

/** A text that is equal for equal values, in whatever order their fields are. */
const stable = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    isRecord(part) ? Object.fromEntries(Object.entries(part).toSorted(([one], [other]) => (one < other ? -1 : 1))) : part,
  )

const isSame = (one: unknown, other: unknown): boolean => stable(one) === stable(other)

/** The body of the request that makes `next` of `base`; null where nothing differs. A changed configuration of the adapter is sent whole. */
export function patchOf(base: Editable, next: Editable): Record<string, unknown> | null {
  const changed = editableKeys.filter((key) => !isSame(base[key], next[key]))
  if (changed.length === 0) return null
  const isWhole = changed.includes('adapterConfig')
  return { ...Object.fromEntries(changed.map((key) => [key, next[key]])), ...(isWhole ? { replaceAdapterConfig: true } : {}) }
}

/** Keeps from a draft what a person has changed in it, and takes the rest from the form of the fresh configuration. */
export function mergeDraft(draft: Draft, before: Draft, fresh: Draft): Draft {
  const pick = <T>(mine: T, old: T, theirs: T): T => (isSame(mine, old) ? theirs : mine)
  const merged = Object.fromEntries(
    (Object.keys(draft) as (keyof Draft)[]).map((key) => [key, pick(draft[key], before[key], fresh[key])]),
  ) as unknown as Draft
  if (draft.adapterType !== before.adapterType || fresh.adapterType !== before.adapterType) return merged
  const values = Object.keys({ ...fresh.values, ...draft.values }).map((name) => [
    name,
    pick(draft.values[name], before.values[name], fresh.values[name]),
  ])
  return { ...merged, values: Object.fromEntries(values) as FormValues }
}

/** The configuration that a text has as JSON, or why it has none. */
export function editableFrom(text: string): { readonly editable: Editable } | { readonly fault: string } {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return { fault: `This is not JSON: ${(error as Error).message}` }
  }
  if (!isRecord(parsed)) return { fault: 'An object is expected: { … }' }
  const unknown = Object.keys(parsed).filter((key) => !(editableKeys as readonly string[]).includes(key))
  if (unknown.length > 0) return { fault: `No field of a configuration: ${unknown.join(', ')}` }
  const missing = editableKeys.filter((key) => !(key in parsed))
  if (missing.length > 0) return { fault: `Missing: ${missing.join(', ')}` }
  return { editable: parsed as unknown as Editable }
}
