import type { Job } from './adapter.ts'

/**
 * The longest value of one variable, in bytes. Linux accepts 128 KiB in one string of an environment, its name and the terminating NUL
 * included.
 */
const MAX_VARIABLE_BYTES = 120 * 1024

/**
 * Why a run was started, in the variables that the agents of this API read: for every adapter, in an environment or in a text. Null
 * where the wake does not say it.
 */
export function wakeVariables(job: Job) {
  const { wake } = job
  const linkedIssueIds = wake?.linkedIssueIds ?? []
  return {
    PAPERCLIP_TASK_ID: job.issueId,
    PAPERCLIP_WAKE_REASON: job.wakeReason,
    PAPERCLIP_WAKE_COMMENT_ID: wake?.commentId ?? null,
    PAPERCLIP_APPROVAL_ID: wake?.approvalId ?? null,
    PAPERCLIP_APPROVAL_STATUS: wake?.approvalStatus ?? null,
    PAPERCLIP_LINKED_ISSUE_IDS: linkedIssueIds.length === 0 ? null : linkedIssueIds.join(','),
  }
}

/**
 * The wake as JSON: its reason, its payload, the requests that joined it, and what was said since the agent's last run. When that is
 * too long for a variable, the texts are left out and their paths stay.
 */
export function wakeJson({ issueId, wakeReason, wake }: Job): string | null {
  if (wake === undefined) return null
  const { payload, words } = wake
  const whole = JSON.stringify({ reason: wakeReason, issueId, payload, newWords: words })
  if (Buffer.byteLength(whole) <= MAX_VARIABLE_BYTES) return whole
  const items = words.items.map((word) => ({ ...word, text: null, truncated: true }))
  const short = JSON.stringify({ reason: wakeReason, issueId, payload, newWords: { ...words, items } })
  if (Buffer.byteLength(short) <= MAX_VARIABLE_BYTES) return short
  return JSON.stringify({ reason: wakeReason, issueId, payload: null, newWords: { ...words, items } })
}
