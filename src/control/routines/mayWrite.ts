import { companyWriteRefusals } from '../../model/companyStatus.ts'
import type { CompanyStatus } from '../../model/companyStatus.ts'
import { refuse } from '../../platform/kernel/errors.ts'

/** Refuses a change in a company that is archived. @throws Refusal `company_not_active` */
export function requireMayWriteCompany(status: CompanyStatus): void {
  const refusal = companyWriteRefusals[status]
  if (refusal !== null) refuse(refusal, { message: 'Company is archived' })
}
