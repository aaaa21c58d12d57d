import { createContext, useContext } from 'react'
import type { ReactNode } from 'react'
import type { Company } from '../api/types.ts'

const CompanyContext = createContext<Company | null>(null)

/** The company of the page. @throws outside of a page of a company */
export function useCompany(): Company {
  const company = useContext(CompanyContext)
  if (company === null) throw new Error('a page of a company was shown without one')
  return company
}

/** Gives the pages below it their company. */
export const CompanyProvider = ({ company, children }: { readonly company: Company; readonly children: ReactNode }): ReactNode => (
  <CompanyContext value={company}>{children}</CompanyContext>
)

/** The first part of addresses of a company's pages. */
export const companyPath = ({ issuePrefix }: Pick<Company, 'issuePrefix'>): string => `/${encodeURIComponent(issuePrefix)}`

/** Makes addresses of pages of the company. */
export function useCompanyPath(): (path: string) => string {
  const base = companyPath(useCompany())
  return (path) => `${base}/${path}`
}
