export { endRuns, lockForEnd, noneWaitedFor, retryTransaction } from './endRuns.ts'
export type { LockedForEnd } from './endRuns.ts'
export { holdRefusal } from './holdRefusal.ts'
export { checkedOut, forceReleased, holdCleared, released } from './events.ts'
export {
  loadHoldFacts,
  loadHoldFactsBehind,
  labelledIssue,
  lockAndLoadHoldFacts,
  lockAndLoadHoldFactsFor,
  lockedIssueColumns,
  lockIssue,
  lockIssues,
  lookAtHold,
} from './holdFacts.ts'
export type { ActingRun, HoldFacts, LockedIssue } from './holdFacts.ts'
export {
  callerOf,
  checkWriteGate,
  gateRefusals,
  lockThroughWriteGate,
  passWriteGate,
  unconditionalGateRefusals,
  requireExpected,
} from './writeGate.ts'
export type { Expected } from './writeGate.ts'
export { loadHolderRunIds, holderRunIds } from './holders.ts'
export { clearHold, clearingHoldIf, evict, releaseHold, acquireHold } from './holdColumns.ts'
export { blockedByJson, blocksJson, issueColumns, issueJsonColumns, issueWithRelations, labelsJson, withLabelIds } from './issueRow.ts'
export type { IssueRow, IssueWithLabels, IssueWithRelations, Label } from './issueRow.ts'
export { decideCheckout, decideRelease, hasHoldColumns, otherLiveHolder } from './rules.ts'
