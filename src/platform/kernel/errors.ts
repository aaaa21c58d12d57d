/**
 * Refusals: every error answer of this server, declared once.
 *
 * A refusal is a value of the domain and not a fault. It has a code on which a client can branch, an HTTP status,
 * and a sentence that existing clients show or test for.
 */

interface RefusalKind {
  readonly status: number
  readonly message: string
}

const defineRefusals = <T extends Record<string, RefusalKind>>(table: T): T => table

export const refusals = defineRefusals({
  validation_failed: { status: 400, message: 'Validation error' },
  bad_request: { status: 400, message: 'Bad request' },
  malformed_json: { status: 400, message: 'Request body is not valid JSON' },
  malformed_form: { status: 400, message: 'Request body is not a form with one file' },
  malformed_id: { status: 400, message: 'Malformed id' },
  malformed_run_id: { status: 400, message: 'X-Paperclip-Run-Id is not a UUID' },
  malformed_cursor: { status: 400, message: 'Malformed cursor' },
  malformed_header: { status: 400, message: 'Malformed header' },
  unauthorized: { status: 401, message: 'Unauthorized' },
  credentials_wrong: { status: 401, message: 'Invalid email or password' },
  second_factor_not_asked: { status: 401, message: 'Sign in with the e-mail address and the password first' },
  second_factor_wrong: { status: 401, message: 'The code is wrong, too old or was used before' },
  agent_required: { status: 401, message: 'Agent authentication required' },
  run_required: { status: 401, message: 'Agent run id required' },
  forbidden: { status: 403, message: 'Forbidden' },
  board_required: { status: 403, message: 'Board access required' },
  board_token_required: { status: 403, message: 'This needs the token of the board as a bearer, in every mode' },
  admin_required: { status: 403, message: 'Instance admin required' },
  host_not_allowed: { status: 403, message: 'Host is not allowed' },
  origin_not_allowed: { status: 403, message: 'Board mutation requires trusted browser origin' },
  session_required: { status: 403, message: 'This is for people who have signed in' },
  password_wrong: { status: 403, message: 'The present password is wrong' },
  code_wrong: { status: 403, message: 'The code is wrong, too old or was used before' },
  sign_up_disabled: {
    status: 403,
    message:
      'Making an account is disabled here, except with an invitation: open the link of one that is valid and has made no account yet',
  },
  claim_secret_wrong: { status: 403, message: 'Invalid claim secret' },
  above_own_role: { status: 403, message: 'No person gives or takes more than its own role has' },
  role_missing: { status: 403, message: 'Your role in the company does not allow this' },
  key_scope_missing: { status: 403, message: 'The scopes of the API key do not allow this' },
  not_self: { status: 403, message: 'Agent can only act as itself' },
  not_assignee: { status: 403, message: "Agent cannot mutate another agent's issue" },
  assign_not_permitted: { status: 403, message: 'Missing permission: tasks:assign' },
  field_not_permitted: { status: 403, message: 'Agent may not change this field' },
  own_request: { status: 403, message: 'A requester cannot decide its own request' },
  not_requester: { status: 403, message: 'Only the requesting agent can resubmit this approval' },
  approval_required: { status: 403, message: 'This change needs a board approval' },
  sharing_not_consented: { status: 403, message: 'The company has not consented to sharing feedback' },
  not_found: { status: 404, message: 'Not found' },
  route_not_found: { status: 404, message: 'API route not found' },
  sign_in_unavailable: { status: 404, message: 'People do not sign in to this server: PAPERCLIP_DEPLOYMENT_MODE is local_trusted' },
  method_not_allowed: { status: 405, message: 'Method not allowed' },
  conflict: { status: 409, message: 'Conflict' },
  issue_held: { status: 409, message: 'Issue checkout conflict' },
  issue_assigned: { status: 409, message: 'Issue checkout conflict' },
  status_unexpected: { status: 409, message: 'Issue checkout conflict' },
  agent_not_invokable: { status: 409, message: 'Agent is not invokable in its current state' },
  budget_exhausted: { status: 409, message: 'The budget is used up' },
  project_paused: { status: 409, message: 'Project is paused' },
  company_not_active: { status: 409, message: 'Company is not active' },
  checked_out_by_other: { status: 409, message: 'Issue is checked out by another agent' },
  run_ownership: { status: 409, message: 'Issue run ownership conflict' },
  release_not_assignee: { status: 409, message: 'Only assignee can release issue' },
  release_not_holder: { status: 409, message: 'Only checkout run can release issue' },
  lock_revoked: { status: 409, message: 'An administrator revoked the hold of this run: the run can never change the issue again' },
  lock_epoch_mismatch: { status: 409, message: 'The hold on the issue has changed since' },
  holder_changed: { status: 409, message: 'The expected run does not hold the issue' },
  run_ended: { status: 409, message: 'The run has ended' },
  run_outcome_fixed: { status: 409, message: 'The run has already ended with another outcome' },
  key_not_shown_again: {
    status: 409,
    message: 'The API key that this request created can no longer be used, and its token is not shown again',
  },
  idempotency_in_flight: { status: 409, message: 'A request with this Idempotency-Key is still in flight' },
  agent_paused: { status: 409, message: 'Agent is paused' },
  agent_quarantined: { status: 409, message: 'Agent is in quarantine' },
  agent_terminated: { status: 409, message: 'Agent is terminated' },
  agent_pending: { status: 409, message: 'Agent is pending approval' },
  document_stale: { status: 409, message: 'Document was updated by another author' },
  document_absent: { status: 409, message: 'Document does not exist yet' },
  revision_is_latest: { status: 409, message: 'That revision is already the latest' },
  interaction_resolved: { status: 409, message: 'Interaction has already been resolved' },
  interaction_key_reused: { status: 409, message: 'This idempotencyKey was used for a different interaction' },
  last_administrator: { status: 409, message: 'The last administrator of the instance cannot go' },
  last_owner: { status: 409, message: 'The last owner of a company cannot go' },
  password_missing: { status: 409, message: 'This account has no password, so it has no second factor here' },
  second_factor_enabled: { status: 409, message: 'The account has a second factor: take it off first' },
  second_factor_missing: { status: 409, message: 'The account has no second factor' },
  second_factor_not_begun: { status: 409, message: 'No second factor waits for its first code: begin with the password' },
  second_factor_unreadable: {
    status: 409,
    message: 'The server lacks the secret with which this second factor was encrypted: use a recovery code, or ask the operator',
  },
  secret_in_use: { status: 409, message: 'The secret is in use' },
  workspace_not_ready: { status: 409, message: 'The workspace cannot be closed as it is: read its close-readiness' },
  log_not_kept: { status: 409, message: 'The event log no longer has every event behind this cursor: retention has deleted some' },
  name_taken: { status: 409, message: 'That name is already in use' },
  approval_changed: { status: 409, message: 'The approval has changed since it was read: read it again' },
  shortname_ambiguous: { status: 409, message: 'Agent shortname is ambiguous' },
  precondition_failed: { status: 412, message: 'The issue has changed since' },
  body_too_large: { status: 413, message: 'Request body is too large' },
  unsupported_media_type: { status: 415, message: 'Send JSON with Content-Type: application/json' },
  email_taken: { status: 422, message: 'There is an account with this e-mail address. Sign in, or use another one' },
  unprocessable: { status: 422, message: 'Unprocessable' },
  file_empty: { status: 422, message: 'File is empty' },
  file_too_large: { status: 422, message: 'File is too large' },
  file_type_unsupported: { status: 422, message: 'Files of this type are not accepted' },
  file_invalid: { status: 422, message: 'File does not match its declared type' },
  run_id_mismatch: { status: 422, message: 'X-Paperclip-Run-Id differs from the run of the token' },
  run_unknown: { status: 422, message: 'Not a run of this agent' },
  issue_blocked: { status: 422, message: 'Issue is blocked by unresolved blockers' },
  other_company: { status: 422, message: 'Reference belongs to another company' },
  provider_not_configured: { status: 422, message: 'This server has no secret provider of that name' },
  secret_not_coverable: { status: 422, message: 'What runs write could not be searched for this value' },
  unknown_reference: { status: 422, message: 'A referenced row does not exist' },
  illegal_transition: { status: 422, message: 'That change of status is not possible' },
  address_not_allowed: { status: 422, message: 'This server does not send to that address' },
  assignee_conflict: { status: 422, message: 'Issue can only have one assignee' },
  assignee_needed: { status: 422, message: 'in_progress issues require an assignee' },
  company_needed: { status: 422, message: 'A shortname needs ?companyId=' },
  approval_cancelled: { status: 409, message: 'The request ended with what it was about' },
  approval_decided: { status: 422, message: 'The approval cannot be changed in its present status' },
  payload_invalid: { status: 422, message: 'The payload does not fit the type of the approval' },
  revision_incomplete: { status: 422, message: 'The revision lacks values or has them redacted' },
  package_invalid: { status: 422, message: 'The package cannot be imported' },
  reporting_cycle: { status: 422, message: 'Reporting relationship would create a cycle' },
  idempotency_mismatch: { status: 422, message: 'This Idempotency-Key was used with a different request' },
  headers_too_large: { status: 431, message: 'Request headers are too large' },
  too_many_guesses: { status: 429, message: 'Too many credentials that do not exist; retry later' },
  too_many_attempts: { status: 429, message: 'Too many attempts to sign in; retry later' },
  too_many_streams: { status: 429, message: 'Too many open event streams; retry later' },
  quota_exceeded: { status: 429, message: 'The quota is used up; retry later' },
  upload_stalled: { status: 408, message: 'The upload sent nothing for too long' },
  too_many_connections: { status: 429, message: 'Too many open connections; close some or retry later' },
  answers_unread: { status: 429, message: 'Too many answers wait to be read; read them or retry later' },
  vault_locked: { status: 503, message: 'The server lacks the key with which this value was sealed: ask the operator' },
  unavailable: { status: 503, message: 'The database is unavailable, try again' },
  busy: { status: 503, message: 'The server is busy, try again' },
  transaction_timeout: {
    status: 503,
    message: 'The change took too long and was rolled back: nothing was changed, try again or ask for less at once',
  },
})

export type RefusalCode = keyof typeof refusals

export interface RefusalExtras {
  /** Replaces the sentence of the catalogue where clients test for another one. */
  readonly message?: string
  readonly details?: unknown
  /** Seconds, sent as `Retry-After`. */
  readonly retryAfter?: number
  /** Further response headers. */
  readonly headers?: Readonly<Record<string, string>>
  /** Further fields next to `error` and `code`; a 412 has the current issue. */
  readonly extraFields?: Readonly<Record<string, unknown>>
}

/** An error answer as an exception. Each one becomes exactly one answer. */
export class Refusal extends Error {
  readonly code: RefusalCode
  readonly status: number
  readonly details: unknown
  readonly retryAfter: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly extraFields: Readonly<Record<string, unknown>>

  constructor(code: RefusalCode, extras: RefusalExtras = {}) {
    super(extras.message ?? refusals[code].message)
    this.name = 'Refusal'
    this.code = code
    this.status = refusals[code].status
    this.details = extras.details
    this.retryAfter = extras.retryAfter
    this.headers = extras.headers ?? {}
    this.extraFields = extras.extraFields ?? {}
  }
}

/**
 * Ends a request with a refusal. `return refuse(…)` lets TypeScript narrow the types of what follows.
 * @throws Refusal always
 */
export function refuse(code: RefusalCode, extras?: RefusalExtras): never {
  throw new Refusal(code, extras)
}

/**
 * Asserts a fact that holds unless this server has a bug. The message contains no data, so it may be logged.
 * @throws Error when the fact does not hold
 */
export function invariant(fact: unknown, message: string): asserts fact {
  if (!fact) throw new Error(`invariant broken: ${message}`)
}
