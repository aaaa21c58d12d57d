// The reads of the page of an issue, and its changes.

import type { UseQueryResult } from '@tanstack/react-query'
import { request, segment } from '../../api/client.ts'
import type { Answer, ApiProblem } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type {
  Activity,
  Agent,
  Approval,
  Attachment,
  Comment,
  DocumentRevision,
  Interaction,
  Issue,
  IssueDetail,
  IssueDocument,
  IssueRun,
  Label,
  ListedIssue,
  Member,
  Project,
  Why,
} from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'

export type Read<T> = UseQueryResult<Answer<T>, ApiProblem>

/** The reads that a change of an issue makes old. Others hear of it by the event stream. */
export const CHANGED = ['issue', 'issues', 'stalled', 'holds', 'figures']

/** A list of a company that is small enough to be read as one page. */
const ALL = { limit: 1000 }
/** Rows of the thread that are read at once. */
const THREAD_ROWS = 50

const pathOf = (issueId: string, rest = ''): string => `/issues/${segment(issueId)}${rest}`

/** The issue with its relations. @param given its identifier or its id */
export const useIssue = (given: string): Read<IssueDetail> => useRead<IssueDetail>(['issue', useCompany().id, given], pathOf(given))

/** Why the work goes on, or does not. */
export const useWhy = (issueId: string): Read<Why> => useRead<Why>(['stalled', useCompany().id, issueId], pathOf(issueId, '/why'))

const usePart = <T>(issueId: string, part: string, limit?: number): PagesRead<T> =>
  usePages<T>(['issue', useCompany().id, issueId, part], pathOf(issueId, `/${part}`), {}, limit)

/** Newest first. */
export const useComments = (issueId: string): PagesRead<Comment> => usePart(issueId, 'comments', THREAD_ROWS)
/** Newest first. */
export const useActivity = (issueId: string): PagesRead<Activity> => usePart(issueId, 'activity', THREAD_ROWS)
/** Newest first. */
export const useRuns = (issueId: string): PagesRead<IssueRun> => usePart(issueId, 'runs', THREAD_ROWS)
/** Oldest first. */
export const useInteractions = (issueId: string): PagesRead<Interaction> => usePart(issueId, 'interactions', ALL.limit)
/** Newest first. */
export const useAttachments = (issueId: string): PagesRead<Attachment> => usePart(issueId, 'attachments', ALL.limit)

export const useApprovalsOf = (issueId: string): Read<Approval[]> =>
  useRead<Approval[]>(['issue', useCompany().id, issueId, 'approvals'], pathOf(issueId, '/approvals'))

const documentPath = (issueId: string, key: string, rest = ''): string => pathOf(issueId, `/documents/${segment(key)}${rest}`)

export const useDocument = (issueId: string, key: string): Read<IssueDocument> =>
  useRead<IssueDocument>(['issue', useCompany().id, issueId, 'documents', key], documentPath(issueId, key))

/** Newest first, with their texts. */
export const useRevisions = (issueId: string, key: string): PagesRead<DocumentRevision> =>
  usePages<DocumentRevision>(['issue', useCompany().id, issueId, 'revisions', key], documentPath(issueId, key, '/revisions'), {}, 20)

export const useAgents = (): readonly Agent[] => {
  const { id } = useCompany()
  return useRead<Agent[]>(['agents', id, 'choices'], `/companies/${id}/agents`, { query: ALL }).data?.data ?? []
}

export const useMembers = (): readonly Member[] => {
  const { id } = useCompany()
  return useRead<Member[]>(['members', id, 'choices'], `/companies/${id}/members`, { query: ALL }).data?.data ?? []
}

export const useProjects = (): readonly Project[] => {
  const { id } = useCompany()
  return useRead<Project[]>(['projects', id, 'choices'], `/companies/${id}/projects`, { query: ALL }).data?.data ?? []
}

export const useLabels = (): readonly Label[] => {
  const { id } = useCompany()
  return useRead<Label[]>(['labels', id, 'choices'], `/companies/${id}/labels`, { query: ALL }).data?.data ?? []
}

export const useChildren = (issueId: string): Read<ListedIssue[]> => {
  const { id } = useCompany()
  return useRead<ListedIssue[]>(['issues', id, 'children', issueId], `/companies/${id}/issues`, {
    query: { parentId: issueId, limit: 200 },
  })
}

/** Issues whose words or identifier fit, for a choice of one. */
export const useFoundIssues = (words: string): Read<ListedIssue[]> => {
  const { id } = useCompany()
  return useRead<ListedIssue[]>(['issues', id, 'found'], `/companies/${id}/issues`, {
    query: { q: words, limit: 8 },
    isEnabled: words.trim() !== '',
  })
}

export const readIssue = (issueId: string): Promise<Answer<IssueDetail>> => request('GET', pathOf(issueId))

export const readActivity = async (issueId: string): Promise<Activity[]> =>
  (await request<Activity[]>('GET', pathOf(issueId, '/activity'), { query: { limit: 20 } })).data

/** Fields of an issue as a PATCH takes them. */
export type IssueChanges = Partial<
  Pick<Issue, 'title' | 'description' | 'status' | 'priority' | 'assigneeAgentId' | 'assigneeUserId' | 'projectId' | 'parentId'>
> & { readonly labelIds?: readonly string[]; readonly blockedByIssueIds?: readonly string[] }

export const patchIssue = (issueId: string, changes: IssueChanges, ifMatch: string | null): Promise<Answer<Issue>> =>
  request('PATCH', pathOf(issueId), { body: changes, ifMatch })

export const deleteIssue = (issueId: string, ifMatch: string | null): Promise<unknown> => request('DELETE', pathOf(issueId), { ifMatch })

export interface NewComment {
  readonly body: string
  readonly reopen?: boolean
  readonly interrupt?: boolean
}

export const postComment = (issueId: string, comment: NewComment, idempotencyKey: string): Promise<Answer<Comment>> =>
  request('POST', pathOf(issueId, '/comments'), { body: comment, idempotencyKey })

export interface NewChild {
  readonly title: string
  readonly description: string | null
  readonly assigneeAgentId: string | null
  readonly status: 'backlog' | 'todo'
}

export const postChild = (issueId: string, child: NewChild, idempotencyKey: string): Promise<Answer<Issue>> =>
  request('POST', pathOf(issueId, '/children'), { body: child, idempotencyKey })

export type InteractionAct = 'accept' | 'reject' | 'respond'

export const resolveInteraction = (interaction: Interaction, act: InteractionAct, body: object): Promise<Answer<Interaction>> =>
  request('POST', pathOf(interaction.issueId, `/interactions/${segment(interaction.id)}/${act}`), { body })

export interface DocumentText {
  readonly title: string | null
  readonly body: string
  readonly changeSummary: string | null
  /** The revision that the writer has read; null for a new document. */
  readonly baseRevisionId: string | null
}

export const putDocument = (issueId: string, key: string, text: DocumentText): Promise<Answer<IssueDocument>> =>
  request('PUT', documentPath(issueId, key), { body: { ...text, format: 'markdown' } })

export const restoreRevision = (issueId: string, key: string, revisionId: string): Promise<Answer<IssueDocument>> =>
  request('POST', documentPath(issueId, key, `/revisions/${segment(revisionId)}/restore`), { body: {} })

export const deleteDocument = (issueId: string, key: string): Promise<unknown> => request('DELETE', documentPath(issueId, key))

/** Sends one file. The server decides what it is by its content. */
export async function attachFile(companyId: string, issueId: string, file: File): Promise<Attachment> {
  const form = new FormData()
  form.append('file', file)
  return (await request<Attachment>('POST', `/companies/${companyId}/issues/${segment(issueId)}/attachments`, { body: form })).data
}

export const removeAttachment = (attachmentId: string): Promise<unknown> => request('DELETE', `/attachments/${segment(attachmentId)}`)
