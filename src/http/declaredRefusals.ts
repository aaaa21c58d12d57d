import type { RefusalCode } from '../platform/kernel/errors.ts'
import type { Exchange } from './exchange.ts'
import { toRefusal } from './problem.ts'

/** Codes that any route may refuse with; a route lists only its own. */
const commonRefusals: ReadonlySet<RefusalCode> = new Set([
  'validation_failed',
  'bad_request',
  'malformed_json',
  'malformed_form',
  'malformed_id',
  'malformed_run_id',
  'malformed_header',
  'malformed_cursor',
  'unauthorized',
  'too_many_guesses',
  'agent_required',
  'board_required',
  'admin_required',
  'board_token_required',
  'forbidden',
  'key_scope_missing',
  'role_missing',
  'not_self',
  'host_not_allowed',
  'origin_not_allowed',
  'not_found',
  'company_needed',
  'shortname_ambiguous',
  'run_id_mismatch',
  'run_unknown',
  'run_ended',
  'agent_paused',
  'agent_pending',
  'agent_terminated',
  'company_not_active',
  'body_too_large',
  'unsupported_media_type',
  'file_empty',
  'file_too_large',
  'idempotency_in_flight',
  'idempotency_mismatch',
  'conflict',
  'quota_exceeded',
  'unavailable',
  'busy',
  'transaction_timeout',
  'too_many_connections',
  'upload_stalled',
  'answers_unread',
  'unknown_reference',
  'unprocessable',
])

/** Breaks an invariant when responses are validated and a route refuses with a code that it does not declare. */
export function requireDeclaredRefusal({ deps, route }: Pick<Exchange, 'deps' | 'route'>, error: unknown): void {
  if (!deps.validateResponses) return
  const refusal = toRefusal(error)
  if (refusal === undefined || commonRefusals.has(refusal.code) || route.refuses.includes(refusal.code)) return
  throw new Error(`invariant broken: ${route.operationId} refuses with undeclared ${refusal.code}`)
}
