// The reads and acts about webhooks. Deliveries are no events, so what shows them is read again while it is looked at.

import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query'
import { useAct, useUncachedAct } from '../../api/acts.ts'
import { request, segment } from '../../api/client.ts'
import type { Answer, ApiProblem } from '../../api/client.ts'
import { useRead } from '../../api/reads.ts'
import type { Webhook, WebhookDelivery, WebhookWithSecret } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'

const EVERY_MS = 5000
/** More than the server allows a company. */
const ALL = { limit: 100 }

export function useWebhooks(): UseQueryResult<Answer<Webhook[]>, ApiProblem> {
  const { id } = useCompany()
  return useRead<Webhook[]>(['webhooks', id], `/companies/${id}/webhooks`, { query: ALL, everyMs: EVERY_MS })
}

const pathOf = (webhookId: string): string => `/webhooks/${segment(webhookId)}`

export function useWebhook(webhookId: string): UseQueryResult<Answer<Webhook>, ApiProblem> {
  const { id } = useCompany()
  return useRead<Webhook>(['webhook', id, webhookId], pathOf(webhookId), { everyMs: EVERY_MS })
}

/** The last attempts, newest first. */
export function useDeliveries(webhookId: string, limit: number): UseQueryResult<Answer<WebhookDelivery[]>, ApiProblem> {
  const { id } = useCompany()
  return useRead<WebhookDelivery[]>(['webhookDeliveries', id, webhookId], `${pathOf(webhookId)}/deliveries`, {
    query: { limit },
    everyMs: EVERY_MS,
  })
}

const NOUNS = ['webhooks', 'webhook', 'webhookDeliveries']

export interface WebhookFields {
  readonly url: string
  readonly events: readonly string[]
  readonly description: string | null
}

/** Makes a webhook. The answer has its secret, so it is kept nowhere. */
export function useCreateWebhook(): (body: WebhookFields) => Promise<WebhookWithSecret> {
  const { id } = useCompany()
  return useUncachedAct(
    NOUNS,
    async (body: WebhookFields) => (await request<WebhookWithSecret>('POST', `/companies/${id}/webhooks`, { body })).data,
  )
}

export interface WebhookChange {
  readonly fields: Partial<WebhookFields> & { readonly status?: 'active' | 'disabled' }
  readonly etag: string | null
}

export const useChangeWebhook = (webhookId: string): UseMutationResult<Answer<Webhook>, ApiProblem, WebhookChange> =>
  useAct(NOUNS, ({ fields, etag }: WebhookChange) => request<Webhook>('PATCH', pathOf(webhookId), { body: fields, ifMatch: etag }))

export const useDeleteWebhook = (webhookId: string): UseMutationResult<unknown, ApiProblem, void> =>
  useAct(NOUNS, () => request('DELETE', pathOf(webhookId)))

/** Delivers again behind a cursor, or goes on where the webhook stood. */
export const useReplay = (webhookId: string): UseMutationResult<unknown, ApiProblem, string | null> =>
  useAct(NOUNS, (after: string | null) => request('POST', `${pathOf(webhookId)}/replay`, { body: after === null ? {} : { after } }))

/** Sends a test message now. @returns what came of it */
export const useTest = (webhookId: string): UseMutationResult<WebhookDelivery, ApiProblem, void> =>
  useAct(NOUNS, async () => (await request<WebhookDelivery>('POST', `${pathOf(webhookId)}/test`)).data)

/** Replaces the secret. The answer has the new one, so it is kept nowhere. @returns the webhook with it */
export const useRotateWebhook = (webhookId: string): ((overlapSec: number) => Promise<WebhookWithSecret>) =>
  useUncachedAct(
    NOUNS,
    async (overlapSec: number) =>
      (await request<WebhookWithSecret>('POST', `${pathOf(webhookId)}/rotate-secret`, { body: { overlapSec } })).data,
  )
