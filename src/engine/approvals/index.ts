export { approvalCreated } from './events.ts'
export { hashOf, insertOpenApproval } from './insert.ts'
