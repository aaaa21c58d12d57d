// The warnings about a configuration, for other rooms that show one to a person.
export { warningsOf } from './warnings.ts'
export { approvalCommentBody, createApprovalBody, decideBody } from './views.ts'
