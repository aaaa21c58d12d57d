export { acceptInvite } from './accept.ts'
export { openInvite } from './invites.ts'
