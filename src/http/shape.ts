import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { refuse } from '../kernel/errors.ts'
import { invalid } from './problem.ts'
import type { Route } from './route.ts'

/**
 * How much of an answer its reader wants. Agents pay for every token they read, so any route can be asked for less:
 *
 * - `?fields=id,title` on a read: these fields of the answer, or of each item of a list. A name that does not exist is a
 *   400 that lists those that do: left out in silence it would cost the agent another turn to find out.
 * - `?compact=1` anywhere: fields that are null are left out, at every depth, in free-form JSON too.
 * - `Prefer: return=minimal` on a write (RFC 7240): what one needs to go on, where the answer is a row with an id. Others
 *   stay whole, and then no `Preference-Applied` says otherwise.
 */
export interface Shape {
  readonly fields: readonly string[] | null
  readonly isCompact: boolean
  readonly isMinimal: boolean
}

/** What a minimal answer keeps, where the whole has it. A token is shown once, so no preference may drop it. */
const MINIMAL = ['id', 'identifier', 'status', 'lockEpoch', 'version', 'updatedAt', 'token'] as const

const query = z.object({
  fields: z
    .string()
    .max(1000)
    .regex(/^[A-Za-z0-9_]+(,[A-Za-z0-9_]+)*$/, 'takes names with commas between')
    .optional(),
  compact: z.enum(['1', 'true', '0', 'false', '']).optional(),
})

const minimal = /(?:^|[,;]\s*)return\s*=\s*"?minimal"?\s*(?:[,;]|$)/i

const whole: Shape = { fields: null, isCompact: false, isMinimal: false }

const known = new WeakMap<Route, ReadonlySet<string> | null>()

/** The names of the fields of a route's answer, or of the items of its list; null where its schema does not say. */
function fieldsOf(route: Route): ReadonlySet<string> | null {
  const found = known.get(route)
  if (found !== undefined) return found
  const item = route.returns instanceof z.ZodArray ? route.returns.element : route.returns
  const names = item instanceof z.ZodObject ? new Set(Object.keys(item.shape)) : null
  known.set(route, names)
  return names
}

/**
 * Reads what shape is asked for, before anything is done.
 * @param rawQuery the query as it came
 * @throws Refusal `validation_failed` for a field that the answer does not have
 */
export function shapeOf(route: Route, request: IncomingMessage, rawQuery: Readonly<Record<string, unknown>>): Shape {
  const isMinimal = route.method !== 'get' && minimal.test(request.headers.prefer?.toString() ?? '')
  if (rawQuery['fields'] === undefined && rawQuery['compact'] === undefined) return isMinimal ? { ...whole, isMinimal } : whole
  const parsed = query.safeParse(rawQuery)
  if (!parsed.success) throw invalid(parsed.error)
  const { compact, fields: list } = parsed.data
  const fields = route.method === 'get' && list !== undefined ? list.split(',') : null
  if (fields !== null) demandKnown(route, fields)
  return { fields, isCompact: compact === '1' || compact === 'true', isMinimal }
}

function demandKnown(route: Route, fields: readonly string[]): void {
  const names = fieldsOf(route)
  const unknown = names === null ? [] : fields.filter((field) => !names.has(field))
  if (names === null || unknown.length === 0) return
  refuse('validation_failed', {
    details: [
      { code: 'unrecognized_keys', path: ['fields'], message: `No such field: ${unknown.join(', ')}`, keys: unknown, options: [...names] },
    ],
  })
}

/** The query without the parameters that every route takes, so that no route's own schema needs to know them. */
export function withoutShape(rawQuery: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { fields: _, compact: _too, ...rest } = rawQuery
  return rest
}

const pick = (value: unknown, names: readonly string[]): unknown => {
  if (Array.isArray(value)) return value.map((item: unknown) => pick(item, names))
  if (typeof value !== 'object' || value === null) return value
  const given = value as Record<string, unknown>
  return Object.fromEntries(names.filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name]]))
}

const leaveOutNulls = (_key: string, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null))
}

const hasId = (value: unknown): boolean => typeof value === 'object' && value !== null && 'id' in value

/** The body of an answer in the shape that was asked for, and the headers that say so. */
export function shaped(value: unknown, shape: Shape): { readonly body: string; readonly headers: Readonly<Record<string, string>> } {
  const isMinimal = shape.isMinimal && hasId(value)
  const part = isMinimal ? pick(value, MINIMAL) : shape.fields === null ? value : pick(value, shape.fields)
  return {
    body: shape.isCompact ? JSON.stringify(part, leaveOutNulls) : JSON.stringify(part),
    headers: isMinimal ? { 'Preference-Applied': 'return=minimal' } : {},
  }
}
