import { z } from 'zod'
import { event } from '../../platform/kernel/event.ts'
import { grantKeys, memberRoles } from '../../platform/kernel/actor.ts'

const state = { membershipRole: z.enum(memberRoles).nullable(), status: z.enum(['pending', 'active', 'suspended']) }

/** The role or the status of a member changed. */
export const roleChanged = event('person.role_changed', 'person', z.object({ ...state, _previous: z.object(state) }))

const keys = z.array(z.enum(grantKeys))
/** The grants of a member changed. */
export const permissionsChanged = event('person.permissions_changed', 'person', z.object({ added: keys, removed: keys }))
