// Invitations as the audit log has them: made, used, revoked. Pure, so that it can be tested by itself.

import type { Activity } from '../../api/types.ts'

/** The actions of the audit rows about invitations. */
export const inviteActions = ['invite.created', 'invite.openclaw_prompt_created', 'invite.revoked', 'join.requested'] as const

export type InvitationState = 'open' | 'used' | 'revoked' | 'over'

export interface Invitation {
  readonly id: string
  readonly joinTypes: string
  readonly role: string
  readonly createdAt: string
  readonly expiresAt: string
  readonly createdBy: Pick<Activity, 'actorType' | 'actorId' | 'agentId'>
  readonly state: InvitationState
}

const textIn = (details: Activity['details'], name: string): string => {
  const value = details?.[name]
  return typeof value === 'string' ? value : ''
}

/** The invitations of a company, newest first. @param rows audit rows about invitations, newest first @param now of the page */
export function invitationsOf(rows: readonly Activity[], now: number): Invitation[] {
  const revoked = new Set(rows.filter(({ action }) => action === 'invite.revoked').map(({ entityId }) => entityId))
  const used = new Set(rows.filter(({ action }) => action === 'join.requested').map(({ details }) => textIn(details, 'inviteId')))
  const stateOf = (id: string, expiresAt: string): InvitationState => {
    if (revoked.has(id)) return 'revoked'
    if (used.has(id)) return 'used'
    return Date.parse(expiresAt) <= now ? 'over' : 'open'
  }
  return rows
    .filter(({ action }) => action === 'invite.created' || action === 'invite.openclaw_prompt_created')
    .map(({ entityId, details, createdAt, actorType, actorId, agentId }) => ({
      id: entityId,
      joinTypes: textIn(details, 'allowedJoinTypes'),
      role: textIn(details, 'memberRole'),
      createdAt,
      expiresAt: textIn(details, 'expiresAt'),
      createdBy: { actorType, actorId, agentId },
      state: stateOf(entityId, textIn(details, 'expiresAt')),
    }))
}
