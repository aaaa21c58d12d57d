import { index, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { createdAt, instantColumn, primaryId, updatedAt } from '../platform/db/columns.ts'
import { memberRoles } from '../platform/kernel/actor.ts'
import { agents } from './agents.ts'
import { companies, companyId } from './companies.ts'

/** Invitations: who has the token of one may ask to join. One that has no company makes an administrator of the instance. */
export const invites = pgTable(
  'invites',
  {
    id: primaryId(),
    companyId: uuid('company_id').references(() => companies.id, { onDelete: 'cascade' }),
    inviteType: text('invite_type', { enum: ['company_join', 'bootstrap_ceo'] }).notNull(),
    tokenHash: text('token_hash').notNull(),
    allowedJoinTypes: text('allowed_join_types', { enum: ['human', 'agent', 'both'] }).notNull(),
    /** The role that a person gets who joins by it. */
    memberRole: text('member_role', { enum: memberRoles }).notNull().default('operator'),
    defaultsPayload: jsonb('defaults_payload').$type<Record<string, unknown>>(),
    inviteMessage: text('invite_message'),
    expiresAt: instantColumn('expires_at').notNull(),
    invitedByUserId: text('invited_by_user_id'),
    invitedByAgentId: uuid('invited_by_agent_id'),
    revokedAt: instantColumn('revoked_at'),
    acceptedAt: instantColumn('accepted_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [uniqueIndex('invites_token_key').on(table.tokenHash), index('invites_company').on(table.companyId)],
)

export const joinStatuses = ['pending_approval', 'approved', 'rejected'] as const

/** Requests to join a company, by people and by agents. */
export const joinRequests = pgTable(
  'join_requests',
  {
    id: primaryId(),
    inviteId: uuid('invite_id')
      .notNull()
      .references(() => invites.id, { onDelete: 'cascade' }),
    companyId: companyId(),
    requestType: text('request_type', { enum: ['human', 'agent'] }).notNull(),
    status: text('status', { enum: joinStatuses }).notNull().default('pending_approval'),
    requestIp: text('request_ip').notNull(),
    requestingUserId: text('requesting_user_id'),
    requestEmailSnapshot: text('request_email_snapshot'),
    agentName: text('agent_name'),
    adapterType: text('adapter_type'),
    capabilities: text('capabilities'),
    agentDefaultsPayload: jsonb('agent_defaults_payload').$type<Record<string, unknown>>(),
    claimSecretHash: text('claim_secret_hash'),
    claimSecretExpiresAt: instantColumn('claim_secret_expires_at'),
    claimSecretConsumedAt: instantColumn('claim_secret_consumed_at'),
    createdAgentId: uuid('created_agent_id').references(() => agents.id, { onDelete: 'set null' }),
    approvedByUserId: text('approved_by_user_id'),
    approvedByAgentId: uuid('approved_by_agent_id'),
    approvedAt: instantColumn('approved_at'),
    rejectedByUserId: text('rejected_by_user_id'),
    rejectedByAgentId: uuid('rejected_by_agent_id'),
    rejectedAt: instantColumn('rejected_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    index('join_requests_list').on(table.companyId, table.createdAt, table.id),
    index('join_requests_agent').on(table.createdAgentId),
    index('join_requests_invite').on(table.inviteId),
  ],
)
