/** What a work product is. */
export const productTypes = ['preview_url', 'runtime_service', 'pull_request', 'branch', 'commit', 'artifact', 'document'] as const

/** How far it has come. Its author's word: any may follow any, because what is outside of this server moves by itself. */
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
