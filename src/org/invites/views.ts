import { z } from 'zod'
import { adapterTypes } from '../../model/adapterTypes.ts'
import { joinStatuses } from '../../model/invites.ts'
import { memberRoles } from '../../platform/kernel/actor.ts'
import { isVisible, NOTHING_VISIBLE } from '../../platform/kernel/skeleton.ts'
import { instant } from '../../platform/kernel/time.ts'
import { pageQuery } from '../../platform/kernel/page.ts'

const joinTypes = z.enum(['human', 'agent', 'both'])
const payload = z.record(z.string(), z.unknown())

export const createInviteBody = z.object({
  allowedJoinTypes: joinTypes.default('both'),
  /** The role of a person who joins. Default: `operator`, and the role that agents may invite to for an agent. */
  memberRole: z.enum(memberRoles).optional(),
  defaultsPayload: payload.nullable().optional(),
  agentMessage: z.string().max(4000).nullable().optional(),
})
export const promptBody = z.object({ agentMessage: z.string().max(4000).nullable().optional() })

const inviteFields = {
  id: z.uuid(),
  companyId: z.uuid().nullable(),
  inviteType: z.enum(['company_join', 'bootstrap_ceo']),
  tokenHash: z.string(),
  allowedJoinTypes: joinTypes,
  memberRole: z.enum(memberRoles),
  defaultsPayload: payload.nullable(),
  inviteMessage: z.string().nullable(),
  expiresAt: instant,
  invitedByUserId: z.string().nullable(),
  invitedByAgentId: z.uuid().nullable(),
  revokedAt: instant.nullable(),
  acceptedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
}
export const inviteView = z.strictObject(inviteFields)
export type InviteView = z.output<typeof inviteView>

export const createdInviteView = z.strictObject({
  ...inviteFields,
  token: z.string(),
  inviteUrl: z.string(),
  companyName: z.string(),
  onboardingTextPath: z.string(),
  onboardingTextUrl: z.string(),
})

export const bootstrapInviteBody = z.object({ hours: z.int().min(1).max(720).default(72) })
export const bootstrapInviteView = z.strictObject({
  id: z.uuid(),
  token: z.string(),
  inviteUrl: z.string(),
  url: z.string(),
  expiresAt: instant,
})

/** An invitation, as its receiver sees it. */
export const publicInviteView = z.strictObject({
  id: z.uuid(),
  companyId: z.uuid().nullable(),
  companyName: z.string().nullable(),
  inviteType: z.enum(['company_join', 'bootstrap_ceo']),
  allowedJoinTypes: joinTypes,
  expiresAt: instant,
  onboardingPath: z.string(),
  onboardingUrl: z.string(),
  onboardingTextPath: z.string(),
  onboardingTextUrl: z.string(),
  skillIndexPath: z.string().nullable(),
  skillIndexUrl: z.string().nullable(),
  inviteMessage: z.string().nullable(),
})
export type PublicInvite = z.output<typeof publicInviteView>

const endpoint = z.strictObject({ method: z.literal('POST'), path: z.string(), url: z.string(), body: payload })

export const onboardingView = z.strictObject({
  invite: publicInviteView,
  onboarding: z.strictObject({
    instructions: z.string(),
    registrationEndpoint: endpoint,
    claimEndpointTemplate: endpoint,
    connectivity: z.strictObject({ testResolutionPath: z.string(), guidance: z.string() }),
    textInstructions: z.strictObject({ path: z.string(), url: z.string() }),
    skill: z.strictObject({ name: z.string(), path: z.string().nullable() }),
  }),
})

export const resolutionQuery = z.object({
  url: z
    .string()
    .max(2000)
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), 'must be an http(s):// URL'),
  timeoutMs: z.coerce.number().int().min(1000).max(15_000).default(5000),
})
export const resolutionView = z.strictObject({
  inviteId: z.uuid(),
  testResolutionPath: z.string(),
  requestedUrl: z.string(),
  timeoutMs: z.int(),
  status: z.enum(['reachable', 'unreachable', 'timeout']),
  method: z.literal('HEAD'),
  durationMs: z.int(),
  httpStatus: z.int().nullable(),
  message: z.string(),
})

export const acceptBody = z.object({
  requestType: z.enum(['human', 'agent']),
  agentName: z.string().trim().min(1).max(120).refine(isVisible, NOTHING_VISIBLE).optional(),
  adapterType: z.enum(adapterTypes).optional(),
  capabilities: z.string().max(4000).nullable().optional(),
  agentDefaultsPayload: payload.nullable().optional(),
})

const requestFields = {
  id: z.uuid(),
  inviteId: z.uuid(),
  companyId: z.uuid(),
  requestType: z.enum(['human', 'agent']),
  status: z.enum(joinStatuses),
  requestIp: z.string(),
  requestingUserId: z.string().nullable(),
  requestEmailSnapshot: z.string().nullable(),
  agentName: z.string().nullable(),
  adapterType: z.string().nullable(),
  capabilities: z.string().nullable(),
  agentDefaultsPayload: payload.nullable(),
  claimSecretExpiresAt: instant.nullable(),
  claimSecretConsumedAt: instant.nullable(),
  createdAgentId: z.uuid().nullable(),
  approvedByUserId: z.string().nullable(),
  approvedByAgentId: z.uuid().nullable(),
  approvedAt: instant.nullable(),
  rejectedByUserId: z.string().nullable(),
  rejectedByAgentId: z.uuid().nullable(),
  rejectedAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
}
export const joinRequestView = z.strictObject(requestFields)
export type JoinRequest = z.output<typeof joinRequestView>

/** The answer to an accepted invitation: a request to join, or an administrator of the instance. */
export const acceptedView = z.union([
  z.strictObject({
    ...requestFields,
    /** Only for an agent, and only here. */
    claimSecret: z.string().optional(),
    claimApiKeyPath: z.string().optional(),
    onboarding: onboardingView.shape.onboarding.optional(),
    diagnostics: z.array(z.string()).optional(),
  }),
  z.strictObject({
    inviteId: z.uuid(),
    inviteType: z.literal('bootstrap_ceo'),
    bootstrapAccepted: z.literal(true),
    userId: z.string(),
  }),
])

export const joinRequestsQuery = z.object({
  ...pageQuery,
  status: z.enum(joinStatuses).optional(),
  requestType: z.enum(['human', 'agent']).optional(),
})

export const claimBody = z.object({ claimSecret: z.string().min(16).max(256) })
export const claimedKeyView = z.strictObject({ keyId: z.uuid(), token: z.string(), agentId: z.uuid(), createdAt: instant })
