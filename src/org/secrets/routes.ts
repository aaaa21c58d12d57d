import { z } from 'zod'
import { inCompany, ofSecret } from '../../auth/scopes.ts'
import { del, get, patch, post } from '../../http/route.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { listProviders } from './providers.ts'
import { listSecrets } from './queries.ts'
import { deleteSecret } from './remove.ts'
import { readUsage } from './usage.ts'
import {
  createSecretBody,
  patchSecretBody,
  rotateSecretBody,
  secretDeletionView,
  secretProviderView,
  secretUsageView,
  secretView,
} from './views.ts'
import { createSecret, rotateSecret, updateSecret } from './write.ts'

export const secretRoutes = [
  get('/api/companies/:companyId/secret-providers', {
    summary: 'List where values of secrets can be kept',
    permission: 'secret.read',
    scope: inCompany(),
    returns: z.array(secretProviderView),
    refuses: ['not_found'],
    handle: async () => await Promise.resolve(listProviders()),
  }),
  get('/api/companies/:companyId/secrets', {
    summary: 'List secrets of a company by name',
    permission: 'secret.read',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: secretView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listSecrets(ctx, query),
  }),
  post('/api/companies/:companyId/secrets', {
    summary: 'Create a secret',
    permission: 'secret.write',
    scope: inCompany(),
    body: createSecretBody,
    status: 201,
    returns: secretView,
    refuses: [
      'not_found',
      'name_taken',
      'company_not_active',
      'provider_not_configured',
      'secret_not_coverable',
      'unprocessable',
      'admin_required',
      'vault_locked',
    ],
    handle: ({ ctx, body }) => createSecret(ctx, body),
  }),
  get('/api/secrets/:id/usage', {
    summary: 'Read where a secret is used and when it was last given to a run',
    permission: 'secret.read',
    scope: ofSecret(),
    returns: secretUsageView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => readUsage(ctx, target),
  }),
  post('/api/secrets/:id/rotate', {
    summary: 'Give a secret another value',
    permission: 'secret.write',
    scope: ofSecret(),
    body: rotateSecretBody,
    returns: secretView,
    refuses: [
      'not_found',
      'company_not_active',
      'provider_not_configured',
      'secret_not_coverable',
      'unprocessable',
      'admin_required',
      'vault_locked',
    ],
    handle: ({ ctx, target, body }) => rotateSecret(ctx, target, body),
  }),
  patch('/api/secrets/:id', {
    summary: 'Change the name or the description of a secret',
    permission: 'secret.write',
    scope: ofSecret(),
    body: patchSecretBody,
    returns: secretView,
    refuses: ['not_found', 'name_taken', 'company_not_active'],
    handle: ({ ctx, target, body }) => updateSecret(ctx, target, body),
  }),
  del('/api/secrets/:id', {
    summary: 'Delete a secret that nothing uses',
    permission: 'secret.write',
    scope: ofSecret(),
    returns: secretDeletionView,
    refuses: ['not_found', 'secret_in_use'],
    handle: ({ ctx, target }) => deleteSecret(ctx, target),
  }),
]
