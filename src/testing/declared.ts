import { allRoutes } from '../api.ts'
import type { RouteDeps } from '../api.ts'
import type { Route } from '../http/route.ts'

/**
 * Every route as it is declared, before any server runs, so that a test can be named after each. A declaration keeps
 * what it is given and uses it only when it is asked, so it is given nothing; nothing may be asked of these.
 */
export const declared = (version = 'test'): Route[] => allRoutes({ version } as RouteDeps)

/** `POST /api/issues/:id/checkout`. */
export const nameOf = (route: Route): string => `${route.method.toUpperCase()} ${route.path}`

/** Routes with their names, as rows of a table of tests. */
export const named = (routes: readonly Route[]): [string, Route][] => routes.map((route) => [nameOf(route), route])
