import { z } from 'zod'
import { memberRoles } from '../../platform/kernel/actor.ts'
import { event } from '../../platform/kernel/event.ts'

const invited = z.object({
  inviteType: z.enum(['company_join', 'bootstrap_ceo']),
  allowedJoinTypes: z.enum(['human', 'agent', 'both']),
  memberRole: z.enum(memberRoles),
  expiresAt: z.string(),
})

export const inviteCreated = event('invite.created', 'invite', invited)
export const promptCreated = event('invite.openclaw_prompt_created', 'invite', invited)
export const inviteRevoked = event('invite.revoked', 'invite', z.object({}))
/** An administrator of the instance was made by an invitation. */
export const bootstrapAccepted = event('invite.bootstrap_accepted', 'invite', z.object({ userId: z.string() }))

const request = z.object({ inviteId: z.uuid(), requestType: z.enum(['human', 'agent']) })

export const joinRequested = event('join.requested', 'join_request', request.extend({ address: z.string() }))
export const joinApproved = event('join.approved', 'join_request', request.extend({ createdAgentId: z.uuid().nullable() }))
export const joinRejected = event('join.rejected', 'join_request', request)
/** The agent took its key with the secret that it got when it asked to join. */
export const keyClaimed = event('agent_api_key.claimed', 'join_request', z.object({ keyId: z.uuid(), agentId: z.uuid() }))
