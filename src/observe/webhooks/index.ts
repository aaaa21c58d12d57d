export { startWebhookDelivery } from './delivery.ts'
export type { WebhookDelivery } from './delivery.ts'
export { webhooksDue } from './lease.ts'
