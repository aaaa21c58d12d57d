// The answer to a request that no declared route takes: another method of a known path, or a path that does not exist.

import type { Request, RequestHandler } from 'express'
import { refuse } from '../platform/kernel/errors.ts'
import { editDistance, nearestName } from '../platform/kernel/nearest.ts'
import type { Route } from './route.ts'

interface KnownPath {
  readonly template: string
  readonly segments: readonly string[]
  readonly methods: readonly string[]
}

const segmentsOf = (path: string): string[] => path.split('/').filter((segment) => segment !== '')

function knownPathsOf(routes: readonly Route[]): KnownPath[] {
  const methodsByTemplate = new Map<string, string[]>()
  for (const { path, method } of routes) {
    const methods = methodsByTemplate.get(path) ?? []
    methods.push(...(method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]))
    methodsByTemplate.set(path, methods)
  }
  return [...methodsByTemplate].map(([template, methods]) => ({ template, segments: segmentsOf(template), methods }))
}

const isParameter = (segment: string): boolean => segment.startsWith(':')

const matches = (known: KnownPath, segments: readonly string[]): boolean =>
  known.segments.length === segments.length && known.segments.every((part, at) => isParameter(part) || part === segments[at])

/** Methods of every template that the path matches: `/agents/me` is also an `/agents/:id`. */
const methodsOf = (paths: readonly KnownPath[], segments: readonly string[]): string[] => [
  ...new Set(paths.filter((known) => matches(known, segments)).flatMap(({ methods }) => methods)),
]

/** A path with more wrong letters than this in one segment is no slip of the template. */
const MAX_EDITS = 3

/** The wrong letters of a path, given a template with as many segments; null where one segment is another word. */
function slipsBetween(known: KnownPath, segments: readonly string[]): number | null {
  if (known.segments.length !== segments.length) return null
  let slips = 0
  for (const [at, part] of known.segments.entries()) {
    const segment = segments[at] as string
    if (isParameter(part) || part === segment) continue
    if (Math.abs(part.length - segment.length) > MAX_EDITS || nearestName(segment, [part]) === null) return null
    slips += editDistance(segment, part)
  }
  return slips
}

function nearestPath(paths: readonly KnownPath[], segments: readonly string[]): string | null {
  let nearest: string | null = null
  let fewest = Number.POSITIVE_INFINITY
  for (const known of paths) {
    const slips = slipsBetween(known, segments)
    if (slips !== null && slips < fewest) [nearest, fewest] = [known.template, slips]
  }
  return nearest
}

/**
 * Refuses a request that no declared route takes.
 * @throws Refusal `method_not_allowed` with `Allow` where the path has other methods, otherwise `route_not_found`, which names
 * the nearest path in its details
 */
export function refuseUnknownRoute(routes: readonly Route[]): RequestHandler {
  const paths = knownPathsOf(routes)
  return (request: Request) => {
    const segments = segmentsOf(request.path)
    const allowed = methodsOf(paths, segments)
    if (allowed.length > 0) refuse('method_not_allowed', { headers: { Allow: allowed.join(', ') }, details: { allowed } })
    const nearest = nearestPath(paths, segments)
    refuse('route_not_found', nearest === null ? {} : { details: { nearest } })
  }
}
