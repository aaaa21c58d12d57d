import { pricesInForce } from '../../engine/costs/index.ts'
import { onInstance } from '../../auth/scopes.ts'
import { get, patch } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { checkHealth, healthView } from './health.ts'
import type { ServerFacts } from './health.ts'
import { presentPrices, pricesView } from './prices.ts'
import { changeSettings, readSettings } from './settings.ts'
import { experimentalBody, experimentalView, generalBody, generalView } from './views.ts'

/** Routes about the server itself. */
export const instanceRoutes = (facts: ServerFacts): Route[] => [
  get('/api/health', {
    summary: 'Check whether the server and its database answer',
    permission: 'health.read',
    scope: onInstance,
    returns: healthView,
    refuses: ['unavailable'],
    handle: ({ ctx }) => checkHealth(ctx.store.read, facts),
  }),
  get('/api/instance/settings/general', {
    summary: 'Read the general settings of the instance',
    permission: 'instance.settings.read',
    scope: onInstance,
    returns: generalView,
    refuses: [],
    handle: ({ ctx }) => readSettings(ctx.store.read, 'general'),
  }),
  patch('/api/instance/settings/general', {
    summary: 'Change the general settings of the instance',
    permission: 'instance.settings.write',
    scope: onInstance,
    body: generalBody,
    returns: generalView,
    refuses: [],
    handle: ({ ctx, body }) => changeSettings(ctx, 'general', body),
  }),
  get('/api/instance/prices', {
    summary: 'Read the prices of models',
    permission: 'instance.prices',
    scope: onInstance,
    returns: pricesView,
    refuses: [],
    handle: () => Promise.resolve(presentPrices(pricesInForce())),
  }),
  get('/api/instance/settings/experimental', {
    summary: 'Read the experimental settings of the instance',
    permission: 'instance.settings.read',
    scope: onInstance,
    returns: experimentalView,
    refuses: [],
    handle: ({ ctx }) => readSettings(ctx.store.read, 'experimental'),
  }),
  patch('/api/instance/settings/experimental', {
    summary: 'Change the experimental settings of the instance',
    permission: 'instance.settings.write',
    scope: onInstance,
    body: experimentalBody,
    returns: experimentalView,
    refuses: [],
    handle: ({ ctx, body }) => changeSettings(ctx, 'experimental', body),
  }),
]
