/** The kinds of work products. */
export const productTypes = ['preview_url', 'runtime_service', 'pull_request', 'branch', 'commit', 'artifact', 'document'] as const

/** The progress of a work product as its author reports it. Any status may follow any other, because the product changes outside of this server. */
export const productStatuses = [
  'active',
  'ready_for_review',
  'approved',
  'changes_requested',
  'merged',
  'closed',
  'failed',
  'archived',
  'draft',
] as const

export const reviewStates = ['none', 'needs_board_review', 'approved', 'changes_requested'] as const

export const healthStatuses = ['unknown', 'healthy', 'unhealthy'] as const
