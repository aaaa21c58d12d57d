import { inCompany, onInstance } from '../../auth/scopes.ts'
import { post } from '../../http/route.ts'
import { exportCompany, previewExport } from './export.ts'
import { importPackage, previewImport } from './import.ts'
import { MAX_PACKAGE_BYTES } from './limits.ts'
import { exportBody, exportPreviewView, exportView, importBody, importPreviewView, importView } from './views.ts'

const importRefusals = [
  'not_found',
  'forbidden',
  'admin_required',
  'package_invalid',
  'company_not_active',
  'approval_required',
  'name_taken',
  'reporting_cycle',
  'assign_not_permitted',
  'vault_locked',
] as const

export const portabilityRoutes = [
  post('/api/companies/:companyId/export', {
    summary: 'Export a company as a package of text files',
    permission: 'company.export',
    scope: inCompany(),
    body: exportBody,
    bodyOptional: true,
    returns: exportView,
    refuses: ['not_found'],
    handle: ({ ctx, body }) => exportCompany(ctx, body),
  }),
  post('/api/companies/:companyId/exports/preview', {
    summary: 'Preview an export',
    permission: 'company.exportSafe',
    scope: inCompany(),
    body: exportBody,
    bodyOptional: true,
    returns: exportPreviewView,
    refuses: ['not_found'],
    handle: ({ ctx, body }) => previewExport(ctx, body),
  }),
  post('/api/companies/:companyId/exports', {
    summary: 'Export a company as a package of text files, as its CEO',
    permission: 'company.exportSafe',
    scope: inCompany(),
    body: exportBody,
    bodyOptional: true,
    returns: exportView,
    refuses: ['not_found'],
    handle: ({ ctx, body }) => exportCompany(ctx, body),
  }),
  post('/api/companies/import/preview', {
    summary: 'Preview an import',
    permission: 'company.import',
    scope: onInstance,
    body: importBody,
    bodyLimit: MAX_PACKAGE_BYTES,
    returns: importPreviewView,
    refuses: [...importRefusals],
    handle: ({ ctx, body }) => previewImport(ctx, body, 'board'),
  }),
  post('/api/companies/import', {
    summary: 'Import a package as a new company or into an existing one',
    permission: 'company.import',
    scope: onInstance,
    body: importBody,
    bodyLimit: MAX_PACKAGE_BYTES,
    returns: importView,
    refuses: [...importRefusals],
    handle: ({ ctx, body }) => importPackage(ctx, body, 'board'),
  }),
  post('/api/companies/:companyId/imports/preview', {
    summary: 'Preview an import into this company',
    permission: 'company.importSafe',
    scope: inCompany(),
    body: importBody,
    bodyLimit: MAX_PACKAGE_BYTES,
    returns: importPreviewView,
    refuses: [...importRefusals],
    handle: ({ ctx, body }) => previewImport(ctx, body, 'agent_safe'),
  }),
  post('/api/companies/:companyId/imports/apply', {
    summary: 'Import a package into this company without changing existing rows',
    permission: 'company.importSafe',
    scope: inCompany(),
    body: importBody,
    bodyLimit: MAX_PACKAGE_BYTES,
    returns: importView,
    refuses: [...importRefusals],
    handle: ({ ctx, body }) => importPackage(ctx, body, 'agent_safe'),
  }),
]
