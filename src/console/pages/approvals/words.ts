// The words for approvals: their types, their titles, and what a decision does.

import type { Approval } from '../../api/types.ts'
import { formatCents } from '../../parts/money.ts'

export type ApprovalType = Approval['type']
export type ApprovalStatus = Approval['status']
export type Outcome = 'approve' | 'reject' | 'request-revision'
type Payload = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Payload => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value where it is an object; an empty one else. */
export const recordOf = (value: unknown): Payload => (isRecord(value) ? value : {})

const textOf = (value: unknown): string | null => (typeof value === 'string' && value.trim() !== '' ? value : null)

/** The change of an agent that an approval proposes, as its payload has it; null for another approval. */
export interface Proposal {
  readonly agentId: string
  readonly changes: Payload
  readonly permissions: Payload | null
  readonly rolledBackFromRevisionId: string | null
}

/** The proposal of an approval. */
export function proposalOf({ type, payload }: Pick<Approval, 'type' | 'payload'>): Proposal | null {
  const proposal = payload['agentConfiguration']
  if (type !== 'request_board_approval' || !isRecord(proposal)) return null
  const agentId = textOf(proposal['agentId'])
  if (agentId === null) return null
  return {
    agentId,
    changes: recordOf(proposal['changes']),
    permissions: isRecord(proposal['permissions']) ? proposal['permissions'] : null,
    rolledBackFromRevisionId: textOf(proposal['rolledBackFromRevisionId']),
  }
}

/** The agent that an approval would change or make active; null for none. */
export const subjectOf = (approval: Pick<Approval, 'type' | 'payload'>): string | null =>
  approval.type === 'hire_agent' ? textOf(approval.payload['agentId']) : (proposalOf(approval)?.agentId ?? null)

/** The texts that an approval would give to agents to follow, as its payload has them; null for another approval. */
export type TextChange =
  | {
      readonly kind: 'skills'
      /** Texts by their paths, by the name of the skill. */
      readonly skills: Readonly<Record<string, Readonly<Record<string, string>>>>
      /** The skills that they take the place of. */
      readonly replaced: ReadonlySet<string>
    }
  | {
      readonly kind: 'instructions'
      readonly agentId: string
      readonly path: string
      /** Null deletes the file. */
      readonly content: string | null
      readonly baseRevisionId: string | null
    }

const textsIn = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(recordOf(value)).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))

/** The change of texts of an approval. Only the server writes that field. */
export function textChangeOf({ type, payload }: Pick<Approval, 'type' | 'payload'>): TextChange | null {
  const change = payload['textChange']
  if (type !== 'request_board_approval' || !isRecord(change)) return null
  if (change['kind'] === 'skills') {
    const skills = Object.fromEntries(Object.entries(recordOf(change['skills'])).map(([name, files]) => [name, textsIn(files)]))
    const replaced = Object.entries(recordOf(change['bases'])).flatMap(([name, base]) => (base === null ? [] : [name]))
    return { kind: 'skills', skills, replaced: new Set(replaced) }
  }
  const [agentId, path] = [textOf(change['agentId']), textOf(change['path'])]
  if (change['kind'] !== 'instructions' || agentId === null || path === null) return null
  const { content, baseRevisionId } = change
  return {
    kind: 'instructions',
    agentId,
    path,
    content: typeof content === 'string' ? content : null,
    baseRevisionId: textOf(baseRevisionId),
  }
}

export const typeWords: Readonly<Record<ApprovalType, string>> = {
  hire_agent: 'Hire',
  approve_ceo_strategy: 'Strategy',
  budget_override_required: 'Budget override',
  request_board_approval: 'Request',
}

/** The kind of an approval, in words. */
export function kindOf(approval: Pick<Approval, 'type' | 'payload'>): string {
  const texts = textChangeOf(approval)
  if (texts !== null) return texts.kind === 'skills' ? 'Skills' : 'Instructions of an agent'
  return proposalOf(approval) === null ? typeWords[approval.type] : 'Change of an agent'
}

const scopeWords: Readonly<Record<string, string>> = { company: 'The company', agent: 'An agent', project: 'A project' }

/** "An agent has spent its budget", for the request that the server makes when a limit is reached. */
function budgetTitle({ scopeType, amountLimit }: Payload): string | null {
  const scope = typeof scopeType === 'string' ? scopeWords[scopeType] : undefined
  return scope === undefined || typeof amountLimit !== 'number' ? null : `${scope} has spent its budget of ${formatCents(amountLimit)}`
}

/** A title for lists. */
export function titleOf({ type, payload }: Pick<Approval, 'type' | 'payload'>): string {
  const title = textOf(payload['title'])
  if (type === 'hire_agent') return `Hire ${textOf(payload['name']) ?? 'an agent'}`
  const words = title ?? textOf(payload['summary'])
  return words ?? (type === 'budget_override_required' ? budgetTitle(payload) : null) ?? typeWords[type]
}

/**
 * The limit in cents that the approval of a budget would set; null for every other approval. Only a request of the server itself has an
 * effect: one of an agent may have any payload.
 */
export function limitOf({ type, payload, requestedByAgentId, requestedByUserId }: Approval): number | null {
  const amount = payload['proposedAmount']
  const isOfServer = requestedByAgentId === null && requestedByUserId === null
  return type === 'budget_override_required' && isOfServer && typeof amount === 'number' ? amount : null
}

/** The effect of a decision, in a sentence. */
export function effectOf(approval: Approval, outcome: Outcome): string {
  const asksOf = approval.requestedByAgentId === null ? 'The requester' : 'The agent that asked'
  if (outcome === 'request-revision') return `${asksOf} reads the note, and may send the request again. Nothing changes until then.`
  const limit = limitOf(approval)
  if (limit !== null)
    return outcome === 'approve'
      ? `The budget becomes ${formatCents(limit)}, and what it stopped goes on.`
      : 'What the budget stopped stays stopped, and its wakes wait. This cannot be taken back.'
  const isHire = approval.type === 'hire_agent'
  if (outcome === 'reject')
    return isHire && subjectOf(approval) !== null
      ? 'The agent that waits is terminated. This cannot be taken back.'
      : `Nothing is changed, and ${asksOf.toLowerCase()} reads the decision. This cannot be taken back.`
  if (isHire) return 'The agent becomes active: it may be given issues, and its command may run on this host.'
  const texts = textChangeOf(approval)
  if (texts?.kind === 'skills')
    return 'The company has these skills from then on, and agents may be given them. Agents that have one get the new text.'
  if (texts !== null) return 'The instructions of the agent are changed as shown. Its next run follows them.'
  if (proposalOf(approval) !== null) return 'The agent gets the configuration that is shown. Its next run uses it.'
  return `${asksOf} is woken and reads the decision. The server itself does nothing else.`
}

export const outcomeWords: Readonly<Record<Outcome, { readonly act: string; readonly done: string }>> = {
  approve: { act: 'Approve', done: 'Approved' },
  reject: { act: 'Reject', done: 'Rejected' },
  'request-revision': { act: 'Ask for revision', done: 'Sent back for revision' },
}

/** Whether a decision is still possible. */
export const isOpen = ({ status }: Pick<Approval, 'status'>): boolean => status === 'pending' || status === 'revision_requested'
