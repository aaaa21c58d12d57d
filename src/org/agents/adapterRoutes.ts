import { z } from 'zod'
import { inCompany } from '../../auth/scopes.ts'
import { get, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { detectModel, listModels } from './compatibility.ts'
import { testEnvironment } from './environment.ts'
import type { Preflight } from './environment.ts'
import { environmentBody, environmentView } from './views.ts'

/** The routes about the adapters that agents of a company may have. */
export const adapterRoutes = (preflight: Preflight): Route[] => [
  get('/api/companies/:companyId/adapters/:type/models', {
    summary: 'List models that an adapter offers: always empty, because no adapter of this server queries them',
    permission: 'adapter.read',
    scope: inCompany(),
    returns: z.array(z.strictObject({ id: z.string(), label: z.string() })),
    refuses: ['not_found'],
    handle: listModels,
  }),
  get('/api/companies/:companyId/adapters/:type/detect-model', {
    summary: 'Read the default model of an adapter: always null, because no adapter of this server detects it',
    permission: 'adapter.read',
    scope: inCompany(),
    returns: z.null(),
    refuses: ['not_found'],
    handle: detectModel,
  }),
  post('/api/companies/:companyId/adapters/:type/test-environment', {
    summary: 'List the reasons that would keep runs of an agent from starting; nothing is executed',
    permission: 'adapter.test',
    scope: inCompany(),
    body: environmentBody,
    bodyOptional: true,
    returns: environmentView,
    refuses: ['not_found'],
    handle: ({ ctx, params, body }) => testEnvironment(ctx, preflight, params['type'] ?? '', body.adapterConfig),
  }),
]
