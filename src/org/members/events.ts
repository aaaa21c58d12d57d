import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'
import { grantKeys, memberRoles } from '../../platform/kernel/actor.ts'

const state = { membershipRole: z.enum(memberRoles).nullable(), status: z.enum(['pending', 'active', 'suspended']) }

/** The role or the status of a member changed. */
export const roleChanged = event('person.role_changed', 'person', z.object({ ...state, _previous: z.object(state) }))

const keys = z.array(z.enum(grantKeys))
const changes = z.object({ added: keys, removed: keys })
/** The grants of a member changed. */
export const permissionsChanged = event('person.permissions_changed', 'person', changes)
/** The grants of an agent changed. */
export const agentGrantsChanged = event('agent.grants_changed', 'agent', changes)
