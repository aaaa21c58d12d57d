import { z } from 'zod'
import { ofIssue } from '../../auth/scopes.ts'
import { companyOf } from '../../platform/db/context.ts'
import { refuseInvalid } from '../../http/problem.ts'
import { del, get, post, put } from '../../http/route.ts'
import { gateRefusals } from '../../engine/holds/index.ts'
import { requireIssue } from '../issues/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { documentByKey, listDocuments, listRevisions } from './queries.ts'
import { BODY_MAX, documentKey, documentView, okView, putDocumentBody, revisionView } from './views.ts'
import { deleteDocument, putDocument, restoreDocument } from './write.ts'

type Params = Readonly<Record<string, string>>

/** The longest text with every character written as `\uXXXX`, and room for the rest of the body. */
const PUT_LIMIT_BYTES = BODY_MAX * 6 + 32 * 1024

function parseKey(params: Params): string {
  const key = documentKey.safeParse(params['key'])
  if (!key.success) refuseInvalid(key.error)
  return key.data
}

function parseRevisionId(params: Params): string {
  const id = z.uuid().safeParse(params['revisionId'])
  return id.success ? id.data.toLowerCase() : refuse('malformed_id')
}

export const documentRoutes = [
  get('/api/issues/:id/documents', {
    summary: 'List documents of an issue with their texts',
    permission: 'issue.documents.read',
    scope: ofIssue(),
    query: z.object(pageQuery),
    returnsPageOf: documentView,
    refuses: ['not_found'],
    handle: async ({ ctx, target, query }) => {
      await requireIssue(ctx.store.read, companyOf(ctx), target)
      return await listDocuments(ctx, target, query)
    },
  }),
  get('/api/issues/:id/documents/:key', {
    summary: 'Read one document',
    permission: 'issue.documents.read',
    scope: ofIssue(),
    returns: documentView,
    refuses: ['not_found'],
    handle: async ({ ctx, target, params }) => {
      const key = parseKey(params)
      await requireIssue(ctx.store.read, companyOf(ctx), target)
      return await documentByKey(ctx.store.read, companyOf(ctx), target, key)
    },
  }),
  put('/api/issues/:id/documents/:key', {
    summary: 'Write a document on the revision last read',
    permission: 'issue.documents.write',
    scope: ofIssue(),
    body: putDocumentBody,
    bodyLimit: PUT_LIMIT_BYTES,
    returns: documentView,
    altStatus: { status: 201, when: (document) => document.latestRevisionNumber === 1 },
    refuses: ['not_found', ...gateRefusals, 'document_stale', 'document_absent'],
    handle: ({ ctx, target, params, body, preconditions: expects }) => putDocument(ctx, target, parseKey(params), body, expects),
  }),
  get('/api/issues/:id/documents/:key/revisions', {
    summary: 'List revisions of a document, newest first',
    permission: 'issue.documents.read',
    scope: ofIssue(),
    query: z.object(pageQuery),
    returnsPageOf: revisionView,
    refuses: ['not_found'],
    handle: async ({ ctx, target, params, query }) => {
      const key = parseKey(params)
      await requireIssue(ctx.store.read, companyOf(ctx), target)
      return await listRevisions(ctx, target, key, query)
    },
  }),
  post('/api/issues/:id/documents/:key/revisions/:revisionId/restore', {
    summary: 'Make an earlier text of a document the latest again',
    permission: 'issue.documents.write',
    scope: ofIssue(),
    body: z.object({}),
    bodyOptional: true,
    returns: documentView,
    refuses: ['not_found', ...gateRefusals, 'revision_is_latest'],
    handle: ({ ctx, target, params, preconditions: expects }) =>
      restoreDocument(ctx, target, parseKey(params), parseRevisionId(params), expects),
  }),
  del('/api/issues/:id/documents/:key', {
    summary: 'Delete a document with its revisions',
    permission: 'issue.documents.delete',
    scope: ofIssue(),
    returns: okView,
    refuses: ['not_found', ...gateRefusals],
    handle: ({ ctx, target, params, preconditions: expects }) => deleteDocument(ctx, target, parseKey(params), expects),
  }),
]
