import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

export const issues: OperationTexts = {
  'GET /api/companies/:companyId/issues': op(
    'listIssues',
    'Filters are joined by AND. Issues are sorted by priority, then by latest activity; the cursor of the next page is in the `Link` header.',
    'IssueListItem',
  ),
  'POST /api/companies/:companyId/issues': op(
    'createIssue',
    'An issue with an assigned agent wakes that agent unless its status is `backlog`. A repeated `idempotencyKey` creates no second issue.',
    'Issue',
  ),
  'POST /api/issues/:id/children': op(
    'createChildIssue',
    'The new issue has the issue of the path as its parent. Otherwise as `createIssue`.',
    'Issue',
  ),
  'GET /api/issues/:id': op(
    'getIssue',
    'The answer has the issue with its relations, ancestors, project, goal, documents and work products.',
    'IssueDetail',
  ),
  'PATCH /api/issues/:id': op(
    'updateIssue',
    'Fields that are left out stay. A write of an agent to its own issue in progress needs the run that holds it. A change to `in_progress` by an agent is a checkout; leaving `in_progress` or changing the assignee ends the hold.',
    'UpdatedIssue',
  ),
  'DELETE /api/issues/:id': op(
    'deleteIssue',
    'The answer is the issue as it was. Its comments, documents, attachments and work products are deleted with it.',
    'Issue',
  ),
  'GET /api/issues/:id/comments': op('listComments', 'The order is newest first unless `order=asc`.', 'Comment'),
  'POST /api/issues/:id/comments': op(
    'addComment',
    'A comment wakes the assigned agent and the agents that it mentions. With `reopen` on a closed issue it is a write like any other.',
    'Comment',
  ),
  'GET /api/issues/:id/comments/:commentId': op('getComment', 'A comment of another issue is 404.', 'Comment'),
  'GET /api/issues/:id/heartbeat-context': op(
    'getHeartbeatContext',
    'One answer with what a run needs first: the issue, its ancestors, project and goal, what was said since the last run, and the attachments.',
    'HeartbeatContext',
  ),
  'GET /api/companies/:companyId/stalled': op(
    'listStalledIssues',
    'Lists issues in `todo` and `in_progress` whose agent may work and that have neither holder nor wake nor a stated reason, and those about which the board was notified.',
    'StalledIssue',
  ),
  'GET /api/issues/:id/why': op(
    'explainIssue',
    'The answer names the holder, the waiting wakes, the open blockers and the state of agent, budget and project.',
    'IssueProgress',
  ),
}

export const holds: OperationTexts = {
  'POST /api/companies/:companyId/issues/claim': op(
    'claimIssue',
    'Chooses first among the assignments of the agent, then by priority, then by age. Leaves out issues on which a question of the agent waits for an answer; a checkout takes such an issue all the same. Answers 204 when there is no such issue. Simultaneous claims do not wait for each other.',
    'ClaimedIssue',
  ),
  'POST /api/issues/:id/checkout': op(
    'checkoutIssue',
    'Succeeds when no other live run holds the issue, it is assigned to no other party, no blocker is unresolved, and its status is one of `expectedStatuses`. The holder gets the same answer again. Of simultaneous checkouts one succeeds.',
    'IssueWithLabels',
  ),
  'POST /api/issues/:id/release': op(
    'releaseIssue',
    'Gives the issue back: no assigned agent, no hold, and `in_progress` becomes `todo`. The release of a free issue answers 200 and records nothing.',
    'IssueWithLabels',
  ),
  'GET /api/issues/:id/lock': op(
    'getHold',
    'The history is read from the audit log: taken, adopted, cleared, released, forced, each with the actor.',
    'HoldDetail',
  ),
  'GET /api/companies/:companyId/locks': op(
    'listHolds',
    'With `state=dead` it lists holds whose run is no longer live; the next writer clears them.',
    'Hold',
  ),
  'POST /api/issues/:id/admin/force-release': op(
    'forceReleaseIssue',
    'The runs that are named by the issue are evicted: they can never again change, adopt or take it. With `dryRun=true` the answer is the same and nothing is written.',
    'ForceReleasedIssue',
  ),
}

export const results: OperationTexts = {
  'GET /api/issues/:id/documents': op('listDocuments', 'Every document is listed with its text.', 'Document'),
  'GET /api/issues/:id/documents/:key': op('getDocument', 'The key names the document within its issue: `plan`.', 'Document'),
  'PUT /api/issues/:id/documents/:key': op(
    'putDocument',
    'Creates the document (201) or adds a revision (200). A change names the revision that it is based on; when another author wrote meanwhile, the answer is 409 `document_stale`.',
    'Document',
  ),
  'DELETE /api/issues/:id/documents/:key': op('deleteDocument', 'The revisions are deleted with the document.', 'Ok'),
  'GET /api/issues/:id/documents/:key/revisions': op(
    'listDocumentRevisions',
    'Every revision is listed with its text.',
    'DocumentRevision',
  ),
  'POST /api/issues/:id/documents/:key/revisions/:revisionId/restore': op(
    'restoreDocumentRevision',
    'The text of the revision becomes a new revision, so that no revision is lost.',
    'Document',
  ),
  'GET /api/issues/:id/attachments': op('listAttachments', 'The bytes are at `contentPath`.', 'Attachment'),
  'POST /api/companies/:companyId/issues/:issueId/attachments': op(
    'addAttachment',
    'A multipart form with one part `file`, at most 10 MB. It is a write to the issue and passes the same write gate.',
    'Attachment',
    'AttachmentForm',
  ),
  'GET /api/attachments/:attachmentId/content': op(
    'getAttachmentContent',
    'The `ETag` is the SHA-256 of the bytes; `If-None-Match` gives 304.',
  ),
  'DELETE /api/attachments/:attachmentId': op(
    'deleteAttachment',
    'It is a write to the issue. The audit rows keep type, size and hash.',
    'Ok',
  ),
  'POST /api/companies/:companyId/logo': op(
    'uploadLogo',
    'A multipart form with one part `file`: png, jpeg, webp, gif or svg. A company shows the image that its `logoAssetId` names.',
    'Asset',
    'LogoForm',
  ),
  'POST /api/companies/:companyId/assets/images': op(
    'uploadImage',
    'A multipart form with one part `file`: png, jpeg, webp, gif or svg. A drawing (svg) is read and written anew without scripts and references.',
    'Asset',
    'ImageForm',
  ),
  'GET /api/assets/:assetId/content': op('getAssetContent', 'The `ETag` is the SHA-256 of the bytes; `If-None-Match` gives 304.'),
  'GET /api/issues/:id/work-products': op(
    'listWorkProducts',
    'A work product is a result of the work: a branch, a pull request, a page.',
    'WorkProduct',
  ),
  'POST /api/issues/:id/work-products': op(
    'addWorkProduct',
    'One work product of an issue is primary; a new primary one replaces the old one.',
    'WorkProduct',
  ),
  'PATCH /api/work-products/:id': op('updateWorkProduct', 'Fields that are left out stay. It is a write to the issue.', 'WorkProduct'),
  'DELETE /api/work-products/:id': op('deleteWorkProduct', 'The answer is the work product as it was.', 'WorkProduct'),
}

export const questions: OperationTexts = {
  'GET /api/issues/:id/interactions': op('listInteractions', 'Pending and resolved interactions are listed.', 'Interaction'),
  'POST /api/issues/:id/interactions': op(
    'createInteraction',
    'The `kind` decides the payload. A repeated `idempotencyKey` answers with the interaction that exists.',
    'Interaction',
  ),
  'POST /api/issues/:id/interactions/:interactionId/accept': op(
    'acceptInteraction',
    'Accepted suggested tasks become issues in the same transaction. An agent is woken according to `continuationPolicy`.',
    'Interaction',
  ),
  'POST /api/issues/:id/interactions/:interactionId/reject': op('rejectInteraction', 'A confirmation may need a `reason`.', 'Interaction'),
  'POST /api/issues/:id/interactions/:interactionId/respond': op(
    'respondToInteraction',
    'Every required question needs an answer.',
    'Interaction',
  ),
}

export const inbox: OperationTexts = {
  'GET /api/agents/me/inbox-lite': op(
    'getMyInbox',
    'The issues that are assigned to the acting agent, with the active run of each.',
    'InboxIssue',
  ),
  'GET /api/agents/me/inbox/mine': op('listPersonInbox', 'The person is named by `userId`.', 'IssueListItem'),
  'POST /api/issues/:id/read': op('markIssueRead', 'A person has one mark on an issue; a later one replaces it.', 'ReadMark'),
  'DELETE /api/issues/:id/read': op('unmarkIssueRead', '`removed` is false when there was no mark.', 'RemovedReadMark'),
  'POST /api/issues/:id/inbox-archive': op('archiveInboxIssue', 'The next activity on the issue brings it back.', 'ArchiveMark'),
  'DELETE /api/issues/:id/inbox-archive': op(
    'unarchiveInboxIssue',
    'Answers with the mark that was removed, or `{ok: true}` when there was none.',
    'RemovedArchiveMark',
  ),
  'GET /api/companies/:companyId/inbox-dismissals': op(
    'listInboxDismissals',
    'The client chooses the keys; they change no list of this server.',
    'InboxDismissal',
  ),
  'POST /api/companies/:companyId/inbox-dismissals': op('dismissInboxItem', 'The same key again renews the mark.', 'InboxDismissal'),
}

export const feedback: OperationTexts = {
  'GET /api/issues/:id/feedback-votes': op('listFeedbackVotes', 'The votes of the person who asks, oldest first.', 'FeedbackVote'),
  'POST /api/issues/:id/feedback-votes': op(
    'voteOnText',
    'A person has one vote on a target. `allowSharing` needs the consent of the company and the instance.',
    'FeedbackVote',
  ),
  'GET /api/companies/:companyId/feedback-traces': op(
    'listCompanyFeedbackTraces',
    'Nothing of a trace is sent anywhere by this server.',
    'FeedbackTrace',
  ),
  'GET /api/issues/:id/feedback-traces': op(
    'listIssueFeedbackTraces',
    'Nothing of a trace is sent anywhere by this server.',
    'FeedbackTrace',
  ),
  'GET /api/feedback-traces/:traceId': op('getFeedbackTrace', 'The kept text is included with `includePayload=true`.', 'FeedbackTrace'),
  'GET /api/feedback-traces/:traceId/bundle': op(
    'getFeedbackBundle',
    'The trace with its payload, its target, and the names of its issue and company.',
    'FeedbackBundle',
  ),
}
