// The query of a request: which parameters a route has, and their spellings.

import { z } from 'zod'
import { refuse } from '../platform/kernel/errors.ts'
import { nearestName } from '../platform/kernel/nearest.ts'
import type { Route } from './route.ts'

/** The parameters that every route may have; `projection.ts` reads them. */
const projectionParameters: ReadonlySet<string> = new Set(['fields', 'compact'])

const parametersByRoute = new WeakMap<Route, ReadonlySet<string>>()

/** The names of the parameters that a route declares. */
function parametersOf(route: Route): ReadonlySet<string> {
  const cached = parametersByRoute.get(route)
  if (cached !== undefined) return cached
  const names = new Set(route.query instanceof z.ZodObject ? Object.keys(route.query.shape) : [])
  parametersByRoute.set(route, names)
  return names
}

/** `status[]` is how forms and several client libraries spell a parameter that has a list of values. */
const baseName = (name: string): string => (name.endsWith('[]') ? name.slice(0, -2) : name)

/**
 * The declared parameters of a query. A parameter that the route does not have is refused and not dropped: a filter without
 * effect would be answered with every row, and the client would take it for the answer to what it asked.
 * @param raw the query as it was parsed, without repeated names joined
 * @throws Refusal `validation_failed` naming each unknown parameter
 */
export function declaredParameters(route: Route, raw: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const names = parametersOf(route)
  const declared: Record<string, unknown> = {}
  const unknown: string[] = []
  for (const [given, value] of Object.entries(raw)) {
    const name = baseName(given)
    if (projectionParameters.has(given)) continue
    if (!names.has(name)) unknown.push(given)
    else declared[name] = Object.hasOwn(declared, name) ? [declared[name], value].flat() : value
  }
  if (unknown.length > 0) refuseUnknown(unknown, names)
  return declared
}

/** The most parameters that one refusal names. */
const MAX_NAMED = 50

function refuseUnknown(unknown: readonly string[], names: ReadonlySet<string>): never {
  refuse('validation_failed', {
    details: unknown.slice(0, MAX_NAMED).map((name) => {
      const nearest = nearestName(name, names)
      return {
        code: 'unrecognized_keys',
        path: [name],
        message: `No such query parameter: ${name}${nearest === null ? '' : `; did you mean ${nearest}?`}`,
        keys: [name],
        options: [...names],
      }
    }),
  })
}

/**
 * A list of values in a query: `?status=todo,done`, `?status=todo&status=done` or `?status[]=todo&status[]=done`.
 * @param max the most values
 */
export const listOf = <T extends z.ZodType<unknown, string>>(item: T, max: number) =>
  z
    .union([z.string(), z.array(z.string())])
    .transform((given) =>
      [given]
        .flat()
        .flatMap((text) => text.split(','))
        .map((text) => text.trim())
        .filter((text) => text !== ''),
    )
    .pipe(z.array(item).max(max))

/** A switch in a query; an empty one is off. */
export const flag = z.enum(['true', '1', 'false', '0', '']).transform((value) => value === 'true' || value === '1')

/** The most rows that may be skipped: who reads further follows the cursors, which cost the same on every page. */
const MAX_OFFSET = 100_000

/** `?offset=` of lists whose published clients count rows; the other lists have cursors alone. */
export const offsetQuery = { offset: z.coerce.number().int().min(0).max(MAX_OFFSET).optional() }
