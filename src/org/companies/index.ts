export { insertCompany } from './create.ts'
export { companyArchived, companyDeleted } from './events.ts'
export { lockCompany, nextIssueNumber } from './lock.ts'
export { companyById } from './queries.ts'
export type { CompanyRow } from './queries.ts'

export { applyCompanyPatch } from './update.ts'
export { companyView, createCompanyBody, patchCompanyBody } from './views.ts'
