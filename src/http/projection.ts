import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { refuse } from '../platform/kernel/errors.ts'
import { JsonText, plainValue } from '../platform/kernel/jsonText.ts'
import { refuseInvalid } from './problem.ts'
import type { Route } from './route.ts'

/**
 * Which part of an answer the client wants. Agents pay for every token they read, so every route can return less:
 *
 * - `?fields=id,title` on a read: only these fields of the answer, or of each item of a list. An unknown name is a 400
 *   that lists the known names. If it were ignored, the agent would need another turn to find its mistake.
 * - `?compact=1` on any route: fields that are null are left out, at every depth, in free-form JSON too.
 * - `Prefer: return=minimal` on a write (RFC 7240): only the fields that a client needs for its next request, if the
 *   answer is a row with an id. Other answers stay complete and have no `Preference-Applied` header.
 */
export interface Projection {
  readonly fields: readonly string[] | null
  readonly isCompact: boolean
  readonly isMinimal: boolean
}

/** The fields that a minimal answer keeps if the complete one has them. A token is shown once, so no preference drops it. */
const MINIMAL = ['id', 'identifier', 'status', 'lockEpoch', 'version', 'updatedAt', 'token'] as const

const projectionQuery = z.object({
  fields: z
    .string()
    .max(1000)
    .regex(/^[A-Za-z0-9_]+(,[A-Za-z0-9_]+)*$/, 'takes names with commas between')
    .optional(),
  compact: z.enum(['1', 'true', '0', 'false', '']).optional(),
})

const returnMinimal = /(?:^|[,;]\s*)return\s*=\s*"?minimal"?\s*(?:[,;]|$)/i

const unprojected: Projection = { fields: null, isCompact: false, isMinimal: false }

const fieldNamesByRoute = new WeakMap<Route, ReadonlySet<string> | null>()

/** The field names of a route's answer, or of the items of its list; null when the schema lists none. */
function fieldsOf(route: Route): ReadonlySet<string> | null {
  const cached = fieldNamesByRoute.get(route)
  if (cached !== undefined) return cached
  const item = route.returns instanceof z.ZodArray ? route.returns.element : route.returns
  const names = item instanceof z.ZodObject ? new Set(Object.keys(item.shape)) : null
  fieldNamesByRoute.set(route, names)
  return names
}

/**
 * Reads the requested projection, before the request has any effect.
 * @param rawQuery the query before validation
 * @throws Refusal `validation_failed` for a field that the answer does not have
 */
export function projectionOf(route: Route, request: IncomingMessage, rawQuery: Readonly<Record<string, unknown>>): Projection {
  const isMinimal = route.method !== 'get' && returnMinimal.test(request.headers.prefer?.toString() ?? '')
  if (rawQuery['fields'] === undefined && rawQuery['compact'] === undefined) return isMinimal ? { ...unprojected, isMinimal } : unprojected
  const parsed = projectionQuery.safeParse(rawQuery)
  if (!parsed.success) refuseInvalid(parsed.error)
  const { compact, fields: list } = parsed.data
  const fields = route.method === 'get' && list !== undefined ? list.split(',') : null
  if (fields !== null) requireKnownFields(route, fields)
  return { fields, isCompact: compact === '1' || compact === 'true', isMinimal }
}

function requireKnownFields(route: Route, fields: readonly string[]): void {
  const names = fieldsOf(route)
  const unknown = names === null ? [] : fields.filter((field) => !names.has(field))
  if (names === null || unknown.length === 0) return
  refuse('validation_failed', {
    details: [
      { code: 'unrecognized_keys', path: ['fields'], message: `No such field: ${unknown.join(', ')}`, keys: unknown, options: [...names] },
    ],
  })
}

const pickFields = (value: unknown, names: readonly string[]): unknown => {
  if (Array.isArray(value)) return value.map((item: unknown) => pickFields(item, names))
  if (typeof value !== 'object' || value === null) return value
  const record = value as Record<string, unknown>
  return Object.fromEntries(names.filter((name) => Object.hasOwn(record, name)).map((name) => [name, record[name]]))
}

const omitNulls = (_key: string, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null))
}

const hasId = (value: unknown): boolean => typeof value === 'object' && value !== null && 'id' in value

/** A projected answer as JSON, and the headers that confirm the projection. */
export interface ProjectedBody {
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

const isComplete = ({ fields, isCompact, isMinimal }: Projection): boolean => fields === null && !isCompact && !isMinimal

const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

/** Projects an answer. */
export function project(answer: unknown, projection: Projection): ProjectedBody {
  if (answer instanceof JsonText && isComplete(projection)) return { body: answer.text(), headers: noHeaders }
  const value = plainValue(answer)
  const isMinimal = projection.isMinimal && hasId(value)
  const part = isMinimal ? pickFields(value, MINIMAL) : projection.fields === null ? value : pickFields(value, projection.fields)
  return {
    body: projection.isCompact ? JSON.stringify(part, omitNulls) : JSON.stringify(part),
    headers: isMinimal ? { 'Preference-Applied': 'return=minimal' } : noHeaders,
  }
}
