import { allRoutes } from '../../server/routes.ts'
import type { RouteDeps } from '../../server/routes.ts'
import type { Route } from '../../http/route.ts'

/**
 * Every route as it is declared, before any server runs, so that a test can be named after each. A declaration keeps
 * what it is given and uses it only when it is asked, so it is given nothing; nothing may be asked of these.
 */
export const declaredRoutes = (version = 'test'): Route[] => allRoutes({ version } as RouteDeps)

/** `POST /api/issues/:id/checkout`. */
export const routeName = (route: Route): string => `${route.method.toUpperCase()} ${route.path}`

/** Routes with their names, as rows of a table of tests. */
export const namedRoutes = (routes: readonly Route[]): [string, Route][] => routes.map((route) => [routeName(route), route])
