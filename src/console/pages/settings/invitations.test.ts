import { expect, test } from 'vitest'
import type { Activity } from '../../api/types.ts'
import { invitationsOf } from './invitations.ts'

let seq = 0
const auditRow = (action: string, entityId: string, details: Activity['details']): Activity => ({
  id: `row ${(seq += 1)}`,
  seq,
  companyId: 'company',
  actorType: 'user',
  actorId: 'ada',
  action,
  entityType: 'invite',
  entityId,
  agentId: null,
  runId: null,
  details,
  createdAt: '2026-01-01T00:00:00.000Z',
})

const made = (id: string, expiresAt: string): Activity =>
  auditRow('invite.created', id, { allowedJoinTypes: 'human', memberRole: 'viewer', expiresAt })

test('An invitation is open until it is used, revoked or over, and revoking it counts most', () => {
  const later = '2026-01-04T00:00:00.000Z'
  const rows = [
    auditRow('invite.revoked', 'd', {}),
    auditRow('join.requested', 'request', { inviteId: 'd' }),
    auditRow('join.requested', 'request', { inviteId: 'b' }),
    auditRow('invite.revoked', 'c', {}),
    made('e', '2026-01-01T12:00:00.000Z'),
    made('d', later),
    made('c', later),
    made('b', later),
    auditRow('invite.openclaw_prompt_created', 'a', { allowedJoinTypes: 'agent', memberRole: 'viewer', expiresAt: later }),
  ]
  const invitations = invitationsOf(rows, Date.parse('2026-01-02T00:00:00.000Z'))
  expect(invitations.map(({ id, state }) => [id, state])).toEqual([
    ['e', 'over'],
    ['d', 'revoked'],
    ['c', 'revoked'],
    ['b', 'used'],
    ['a', 'open'],
  ])
  expect(invitations[4]).toMatchObject({ joinTypes: 'agent', role: 'viewer', expiresAt: later, createdBy: { actorId: 'ada' } })
})
