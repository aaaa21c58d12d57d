import { z } from 'zod'
import { ofExistingIssue, ofIssue } from '../../auth/scopes.ts'
import { gateRefusals } from '../../engine/holds/index.ts'
import { refuseInvalid } from '../../http/problem.ts'
import { del, get, post, put } from '../../http/route.ts'
import { uuidParam } from '../../http/uuidParam.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { listDocuments, listRevisions, readDocument } from './queries.ts'
import { documentKey, documentView, okView, putDocumentBody, revisionView } from './views.ts'
import { deleteDocument, putDocument, restoreDocument } from './write.ts'

function keyParam(params: Readonly<Record<string, string>>): string {
  const key = documentKey.safeParse(params['key'])
  if (!key.success) refuseInvalid(key.error)
  return key.data
}

export const documentRoutes = [
  get('/api/issues/:id/documents', {
    summary: 'List documents of an issue with their texts',
    permission: 'issue.documents.read',
    scope: ofExistingIssue(),
    query: z.object(pageQuery),
    returnsPageOf: documentView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listDocuments(ctx, target, query),
  }),
  get('/api/issues/:id/documents/:key', {
    summary: 'Read one document',
    permission: 'issue.documents.read',
    scope: ofExistingIssue(),
    returns: documentView,
    refuses: ['not_found'],
    handle: ({ ctx, target, params }) => readDocument(ctx, target, keyParam(params)),
  }),
  put('/api/issues/:id/documents/:key', {
    summary: 'Write a document, based on the revision last read',
    permission: 'issue.documents.write',
    scope: ofIssue(),
    body: putDocumentBody,
    returns: documentView,
    altStatus: { status: 201, when: (document) => document.latestRevisionNumber === 1 },
    refuses: ['not_found', ...gateRefusals, 'document_stale', 'document_absent'],
    handle: ({ ctx, target, params, body, preconditions: expected }) =>
      putDocument(ctx, { issueId: target, key: keyParam(params), expected }, body),
  }),
  get('/api/issues/:id/documents/:key/revisions', {
    summary: 'List revisions of a document, newest first',
    permission: 'issue.documents.read',
    scope: ofExistingIssue(),
    query: z.object(pageQuery),
    returnsPageOf: revisionView,
    refuses: ['not_found'],
    handle: ({ ctx, target, params, query }) => listRevisions(ctx, target, keyParam(params), query),
  }),
  post('/api/issues/:id/documents/:key/revisions/:revisionId/restore', {
    summary: 'Restore an earlier revision of a document',
    permission: 'issue.documents.write',
    scope: ofIssue(),
    body: z.object({}),
    bodyOptional: true,
    returns: documentView,
    refuses: ['not_found', ...gateRefusals, 'revision_is_latest'],
    handle: ({ ctx, target, params, preconditions: expected }) =>
      restoreDocument(ctx, { issueId: target, key: keyParam(params), expected }, uuidParam(params, 'revisionId')),
  }),
  del('/api/issues/:id/documents/:key', {
    summary: 'Delete a document with its revisions',
    permission: 'issue.documents.delete',
    scope: ofIssue(),
    returns: okView,
    refuses: ['not_found', ...gateRefusals],
    handle: ({ ctx, target, params, preconditions: expected }) => deleteDocument(ctx, { issueId: target, key: keyParam(params), expected }),
  }),
]
