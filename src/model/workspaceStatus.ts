import { stateMachine } from '../platform/kernel/stateMachine.ts'

/**
 * `preparing`: its folder is being made. `open`: a run may work in it. `closing`: a server looks whether it may go, and no run gets it. `archived`: its folder
 * is gone, and the row says what it was.
 */
export const workspaceStatus = stateMachine('execution workspace', {
  preparing: ['open', 'archived'],
  open: ['closing', 'archived'],
  closing: ['open', 'archived'],
  archived: [],
})

/** The status as it is shown: an open workspace is `active` while a live run has it, and `idle` otherwise. */
export const shownStatuses = ['preparing', 'active', 'idle', 'closing', 'archived'] as const

/**
 * Why a workspace was archived. `board`: a person closed it. `issue_closed`: its issue was done or cancelled, and nothing would be lost. `not_made`: its
 * folder could not be made. `folder_missing`: its folder was gone.
 */
export const workspaceEnds = ['board', 'issue_closed', 'not_made', 'folder_missing'] as const
export type WorkspaceEnd = (typeof workspaceEnds)[number]

/** Whether a later run of the agent for the same issue gets the workspace again. */
export const reusePolicies = ['issue', 'never'] as const
/** Whether this server closes it by itself when its issue is closed and nothing would be lost. */
export const closePolicies = ['when_issue_closed', 'manual'] as const

export const operationPhases = ['create', 'close'] as const
export const operationStatuses = ['running', 'succeeded', 'failed'] as const
