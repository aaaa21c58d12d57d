import type { z } from 'zod'
import { decidesForHost } from '../../auth/roles.ts'
import { hideSettings, sightOfSettings } from '../../auth/visibility.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { redact } from '../../platform/kernel/redact.ts'
import type { Review } from './review.ts'
import type { ApprovalRow, ApprovalView } from './row.ts'
import type { approvalDetailView } from './views.ts'

/** An approval, and for the board what a decision would be about. */
export type ApprovalDetail = z.input<typeof approvalDetailView>

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields of any payload that name a command to run. */
const commandNames: ReadonlySet<string> = new Set(['command', 'args', 'extraArgs', 'commandArgs'])

/** Makes the commands of a redacted copy whole, in the copy: another one of ten thousand fields would keep the event loop. */
function withWholeCommands<T>(value: unknown, redacted: T): T {
  if (!isRecord(value) || !isRecord(redacted)) return redacted
  const copy = redacted as Record<string, unknown>
  for (const name of Object.keys(copy))
    if (commandNames.has(name)) copy[name] = value[name]
    else withWholeCommands(value[name], copy[name])
  return redacted
}

/** The fields that this server alone writes, with what an approval will make. */
const proposedWhole = ['agentConfiguration', 'textChange'] as const

const redactedForBoard = (payload: ApprovalView['payload']): ApprovalView['payload'] => withWholeCommands(payload, redact(payload))

/** A payload as the board decides on it: what an approval will make is whole, and so are commands. Text around it is redacted. */
function payloadForBoard(row: ApprovalRow): ApprovalView['payload'] {
  if (row.type === 'hire_agent') return row.payload
  // Copies of a payload with ten thousand fields keep the event loop, and most payloads have neither of the two.
  if (!proposedWhole.some((name) => name in row.payload)) return redactedForBoard(row.payload)
  const { agentConfiguration, textChange, ...rest } = row.payload
  return {
    ...redactedForBoard(rest),
    ...(agentConfiguration === undefined ? {} : { agentConfiguration }),
    ...(textChange === undefined ? {} : { textChange }),
  }
}

/** Whether an actor is a person who decides on approvals. */
export const decides = (actor: Actor): boolean => actor.kind === 'board' && decidesForHost(actor)

/**
 * An approval as an actor sees it. The board sees whole what it decides on: what an agent proposes is not the agent's secret.
 * People who do not decide, the requester and agents that create agents see it redacted, other agents without settings.
 */
export function presentApproval(actor: Actor, row: ApprovalRow): ApprovalView {
  const { result: _, shownHash: _hash, ...view } = row
  if (decides(actor)) return { ...view, payload: payloadForBoard(row) }
  const isRequester = actor.kind === 'agent' && actor.agentId === row.requestedByAgentId
  const payload = redact(view.payload)
  return { ...view, payload: isRequester || sightOfSettings(actor, null) !== 'hidden' ? payload : hideSettings(payload) }
}

/** As `presentApproval`, with the review for those who decide. Others get no hash, by which they could try secrets. */
export const presentDetail = (actor: Actor, row: ApprovalRow, review: Review): ApprovalDetail => ({
  ...presentApproval(actor, row),
  ...(decides(actor) ? review : {}),
})

/** As `presentDetail`, for the answer to a write. Nothing is decided by it, so it is redacted for everyone. */
export const presentWritten = (actor: Actor, row: ApprovalRow, review: Review): ApprovalDetail => ({
  ...presentDetail(actor, row, { ...review, resultingConfiguration: redact(review.resultingConfiguration) }),
  payload: redact(row.payload),
})

/** The characters of the hash that an entity tag has. */
const TAG_HASH_LENGTH = 16

/**
 * The entity tag of an approval, which `If-Match` is compared with. It changes with every write of the row, and for the board
 * also with the configuration that the approval would lead to.
 */
export const entityTagOf = ({ updatedAt, payloadHash }: Pick<ApprovalDetail, 'updatedAt' | 'payloadHash'>): string =>
  payloadHash === undefined ? updatedAt : `${updatedAt}-${payloadHash.slice(0, TAG_HASH_LENGTH)}`
