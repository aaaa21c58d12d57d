import { z } from 'zod'
import type { Outbound } from '../../adapters/index.ts'
import { inCompany, ofWebhook } from '../../auth/scopes.ts'
import { rowTag } from '../../http/entityTag.ts'
import { del, get, patch, post } from '../../http/route.ts'
import type { Route } from '../../http/route.ts'
import { companyOf } from '../../platform/db/context.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import type { Feed } from '../events/index.ts'
import { listDeliveries, listWebhooks, webhookById } from './queries.ts'
import { replayWebhook } from './replay.ts'
import { rotateSecret } from './rotateSecret.ts'
import { testWebhook } from './tryOut.ts'
import {
  createWebhookBody,
  patchWebhookBody,
  replayWebhookBody,
  rotateSecretBody,
  webhookDeliveryView,
  webhookView,
  webhookWithSecretView,
} from './views.ts'
import { createWebhook, deleteWebhook, updateWebhook } from './write.ts'

/** The parts of a server that the routes of webhooks need. */
export interface WebhookRouteDeps {
  readonly feed: Feed
  /** Its `outbound` is asked when a request is answered. */
  readonly adapters: { readonly outbound: Outbound }
}

const endpointRoutes = ({ feed, adapters }: WebhookRouteDeps): Route[] => [
  get('/api/companies/:companyId/webhooks', {
    summary: 'List the webhooks of a company',
    permission: 'webhook.read',
    scope: inCompany(),
    query: z.object(pageQuery),
    returnsPageOf: webhookView,
    refuses: ['not_found'],
    handle: ({ ctx, query }) => listWebhooks(ctx, query),
  }),
  post('/api/companies/:companyId/webhooks', {
    summary: 'Send the events of a company to a URL',
    permission: 'webhook.write',
    scope: inCompany(),
    body: createWebhookBody,
    status: 201,
    returns: webhookWithSecretView,
    refuses: ['not_found', 'unprocessable', 'address_not_allowed', 'company_not_active', 'vault_locked'],
    handle: async ({ ctx, body }) => {
      const { lowWatermark } = await feed.readWatermarks()
      return await createWebhook(ctx, adapters.outbound, body, lowWatermark)
    },
  }),
  get('/api/webhooks/:id', {
    summary: 'Read one webhook',
    permission: 'webhook.read',
    scope: ofWebhook(),
    returns: webhookView,
    headers: rowTag,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => webhookById(ctx.store.read, companyOf(ctx), target),
  }),
  patch('/api/webhooks/:id', {
    summary: 'Change a webhook',
    permission: 'webhook.write',
    scope: ofWebhook(),
    body: patchWebhookBody,
    returns: webhookView,
    headers: rowTag,
    refuses: ['not_found', 'unprocessable', 'address_not_allowed', 'illegal_transition', 'precondition_failed'],
    handle: ({ ctx, target, body, preconditions }) =>
      updateWebhook(ctx, adapters.outbound, target, { input: body, ifMatch: preconditions.ifMatch }),
  }),
  del('/api/webhooks/:id', {
    summary: 'Delete a webhook',
    permission: 'webhook.write',
    scope: ofWebhook(),
    returns: webhookView,
    refuses: ['not_found'],
    handle: ({ ctx, target }) => deleteWebhook(ctx, target),
  }),
]

const actRoutes = ({ feed, adapters }: WebhookRouteDeps): Route[] => [
  get('/api/webhooks/:id/deliveries', {
    summary: 'List the attempts of a webhook, newest first',
    permission: 'webhook.read',
    scope: ofWebhook(),
    query: z.object(pageQuery),
    returnsPageOf: webhookDeliveryView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listDeliveries(ctx, target, query),
  }),
  post('/api/webhooks/:id/replay', {
    summary: 'Resume a webhook, or deliver again from a cursor',
    permission: 'webhook.write',
    scope: ofWebhook(),
    body: replayWebhookBody,
    bodyOptional: true,
    returns: webhookView,
    refuses: ['not_found', 'malformed_cursor', 'log_not_kept'],
    handle: ({ ctx, target, body }) => replayWebhook(ctx, feed, target, body.after ?? null),
  }),
  post('/api/webhooks/:id/test', {
    summary: 'Send a test message now',
    permission: 'webhook.write',
    scope: ofWebhook(),
    returns: webhookDeliveryView,
    refuses: ['not_found', 'busy'],
    handle: ({ ctx, target }) => testWebhook(ctx, adapters.outbound, target),
  }),
  post('/api/webhooks/:id/rotate-secret', {
    summary: 'Replace the signing secret of a webhook',
    permission: 'webhook.write',
    scope: ofWebhook(),
    body: rotateSecretBody,
    bodyOptional: true,
    returns: webhookWithSecretView,
    refuses: ['not_found', 'vault_locked'],
    handle: ({ ctx, target, body }) => rotateSecret(ctx, target, body.overlapSec),
  }),
]

export const webhookRoutes = (deps: WebhookRouteDeps): Route[] => [...endpointRoutes(deps), ...actRoutes(deps)]
