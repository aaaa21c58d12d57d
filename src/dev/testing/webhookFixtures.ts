import type { Pool } from '../../platform/db/driver/client.ts'

// An address that no request reaches, and a secret that no key opens.
const insert = `
  with webhook as (insert into webhook_endpoints (id, company_id, url, events, cursor_txid, cursor_source, cursor_number, secret_key_id, secret_sealed)
    values ($2, $1, 'https://192.0.2.1/hook', '["*"]', '0', 0, 0, $2, ''))
  insert into webhook_deliveries (company_id, webhook_id, message_id, event, attempt, duration_ms) values ($1, $2, 'msg_stage', 'issue.created', 1, 1)`

/** Inserts a webhook with an attempt. */
export const insertWebhook = async (sql: Pool, companyId: string, id: string): Promise<void> =>
  void (await sql.query({ name: 'make_webhook', text: insert, values: [companyId, id] }))
