import { z } from 'zod'
import { inCompany, ofAsset, ofAttachment, ofExistingIssue, ofIssueInCompany } from '../../auth/scopes.ts'
import { gateRefusals } from '../../engine/holds/index.ts'
import { del, get, post } from '../../http/route.ts'
import { pageQuery } from '../../platform/kernel/page.ts'
import { attachFile, detachFile } from './attach.ts'
import { listAttachments, openAsset, openAttachment } from './queries.ts'
import { uploadImage } from './upload.ts'
import { assetView, attachmentForm, attachmentView, contentView, FILE_LIMIT_BYTES, imageForm, logoForm, okView } from './views.ts'

const fileRefusals = ['file_type_unsupported', 'file_invalid'] as const

export const assetRoutes = [
  post('/api/companies/:companyId/logo', {
    summary: 'Upload an image that the company may then name as its logo',
    permission: 'asset.create',
    scope: inCompany(),
    bodyKind: 'file',
    body: logoForm,
    bodyLimit: FILE_LIMIT_BYTES,
    status: 201,
    returns: assetView,
    refuses: ['not_found', 'company_not_active', ...fileRefusals],
    handle: ({ ctx, body }) => uploadImage(ctx, body.file, 'assets/companies'),
  }),
  post('/api/companies/:companyId/assets/images', {
    summary: 'Upload an image that texts may show',
    permission: 'asset.create',
    scope: inCompany(),
    bodyKind: 'file',
    body: imageForm,
    bodyLimit: FILE_LIMIT_BYTES,
    status: 201,
    returns: assetView,
    refuses: ['not_found', 'company_not_active', ...fileRefusals],
    handle: ({ ctx, body }) => uploadImage(ctx, body.file, `assets/${body.namespace ?? 'general'}`),
  }),
  get('/api/assets/:assetId/content', {
    summary: 'Read the bytes of an asset',
    permission: 'asset.read',
    scope: ofAsset(),
    returns: contentView,
    streams: 'file',
    refuses: ['not_found'],
    handle: ({ ctx, target }) => openAsset(ctx, target),
  }),
  get('/api/issues/:id/attachments', {
    summary: 'List attachments of an issue, newest first',
    permission: 'attachment.read',
    scope: ofExistingIssue(),
    query: z.object(pageQuery),
    returnsPageOf: attachmentView,
    refuses: ['not_found'],
    handle: ({ ctx, target, query }) => listAttachments(ctx, target, query),
  }),
  post('/api/companies/:companyId/issues/:issueId/attachments', {
    summary: 'Attach a file to an issue',
    permission: 'attachment.write',
    scope: ofIssueInCompany(),
    bodyKind: 'file',
    body: attachmentForm,
    bodyLimit: FILE_LIMIT_BYTES,
    status: 201,
    returns: attachmentView,
    refuses: ['not_found', ...gateRefusals],
    handle: ({ ctx, target, body, preconditions: expected }) =>
      attachFile(ctx, { issueId: target, commentId: body.issueCommentId ?? null, expected }, body.file),
  }),
  get('/api/attachments/:attachmentId/content', {
    summary: 'Read the bytes of an attachment',
    permission: 'attachment.read',
    scope: ofAttachment(),
    returns: contentView,
    streams: 'file',
    refuses: ['not_found'],
    handle: ({ ctx, target }) => openAttachment(ctx, target),
  }),
  del('/api/attachments/:attachmentId', {
    summary: 'Delete an attachment with its bytes',
    permission: 'attachment.delete',
    scope: ofAttachment(),
    returns: okView,
    refuses: ['not_found', 'board_required', ...gateRefusals],
    handle: ({ ctx, target, preconditions }) => detachFile(ctx, target, preconditions),
  }),
]
