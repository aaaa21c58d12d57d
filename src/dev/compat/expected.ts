const splitWords = (text: string): readonly string[] => text.split(' ')

/** Fields that an answer of Paperclip's API has. It may have more. */
export const shapes = {
  company: splitWords(
    'id name description status issuePrefix issueCounter budgetMonthlyCents spentMonthlyCents requireBoardApprovalForNewAgents feedbackDataSharingEnabled brandColor logoAssetId createdAt updatedAt logoUrl',
  ),
  agent: splitWords(
    'id companyId name role title icon status reportsTo capabilities adapterType adapterConfig runtimeConfig budgetMonthlyCents spentMonthlyCents pauseReason pausedAt permissions lastHeartbeatAt metadata createdAt updatedAt urlKey',
  ),
  issue: splitWords(
    'id companyId projectId projectWorkspaceId goalId parentId title description status priority assigneeAgentId assigneeUserId checkoutRunId executionRunId executionAgentNameKey executionLockedAt createdByAgentId createdByUserId issueNumber identifier originKind originId originRunId requestDepth billingCode assigneeAdapterOverrides executionWorkspaceId executionWorkspacePreference executionWorkspaceSettings startedAt completedAt cancelledAt hiddenAt createdAt updatedAt labels labelIds',
  ),
  issueDetail: splitWords(
    'id identifier title status ancestors planDocument documentSummaries project goal mentionedProjects workProducts blockedBy blocks',
  ),
  inboxItem: splitWords('id identifier title status priority projectId goalId parentId updatedAt activeRun'),
  context: splitWords('issue ancestors project goal commentCursor wakeComment'),
  comment: splitWords('id companyId issueId authorAgentId authorUserId createdByRunId body createdAt updatedAt'),
  document: splitWords(
    'id companyId issueId key title format body latestRevisionId latestRevisionNumber createdByAgentId createdByUserId updatedByAgentId updatedByUserId createdAt updatedAt',
  ),
  revision: splitWords(
    'id companyId documentId issueId key revisionNumber title format body changeSummary createdByAgentId createdByUserId createdAt',
  ),
  approval: splitWords(
    'id companyId type requestedByAgentId requestedByUserId status payload decisionNote decidedByUserId decidedAt createdAt updatedAt',
  ),
  approvalComment: splitWords('id companyId approvalId authorAgentId authorUserId body createdAt updatedAt'),
  interaction: splitWords(
    'id companyId issueId kind status continuationPolicy idempotencyKey sourceCommentId sourceRunId title summary createdByAgentId createdByUserId resolvedByAgentId resolvedByUserId payload result resolvedAt createdAt updatedAt',
  ),
  feedbackTrace: splitWords(
    'id companyId feedbackVoteId issueId issueIdentifier issueTitle projectId authorUserId targetType targetId vote status consentVersion targetSummary payloadSnapshot createdAt updatedAt',
  ),
  activity: splitWords('id companyId actorType actorId action entityType entityId agentId runId details createdAt'),
  dashboard: splitWords('companyId agents tasks costs pendingApprovals budgets'),
  goal: splitWords('id companyId title description level status parentId ownerAgentId createdAt updatedAt'),
  project: splitWords(
    'id companyId goalId name description status leadAgentId targetDate color executionWorkspacePolicy archivedAt createdAt updatedAt urlKey goalIds goals codebase workspaces primaryWorkspace',
  ),
} as const

/** The expected answer. In a list, every row has the shape, and one row contains `includes`. */
export interface Expected {
  readonly shape?: keyof typeof shapes
  /** The answer contains these values. */
  readonly like?: Readonly<Record<string, unknown>>
  /** One row of the answer contains these values. */
  readonly includes?: Readonly<Record<string, unknown>>
  /** Number of rows of the answer. */
  readonly count?: number
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

/** Whether a value contains every value of `part`, at any depth. */
const containsPart = (value: unknown, part: unknown): boolean =>
  isRecord(part) ? isRecord(value) && Object.entries(part).every(([key, item]) => containsPart(value[key], item)) : value === part

/** Describes the first difference between an answer and the expected answer; null when there is none. */
export function findProblem(value: unknown, { shape, like, includes, count }: Expected): string | null {
  const isList = Array.isArray(value)
  const rows: readonly unknown[] = isList ? value : [value]
  if (shape !== undefined) {
    if (rows.length === 0) return `no ${shape}`
    const missing = rows.flatMap((row) => shapes[shape].filter((field) => !isRecord(row) || !(field in row)))
    if (missing.length > 0) return `${shape} lacks ${[...new Set(missing)].join(', ')}`
  }
  if (like !== undefined && !containsPart(value, like)) return `not like ${JSON.stringify(like)}: ${JSON.stringify(value)}`
  if (includes !== undefined && !(isList && rows.some((row) => containsPart(row, includes)))) return `without ${JSON.stringify(includes)}`
  if (count !== undefined && !(isList && rows.length === count)) return `not ${count} rows`
  return null
}

/** The id of an answered row; `missing` when the answer has none. */
export const idOf = (value: unknown): string => (isRecord(value) && typeof value['id'] === 'string' ? value['id'] : 'missing')
