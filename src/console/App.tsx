import { useEffect } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from './api/background.ts'
import { useRead } from './api/reads.ts'
import type { Company } from './api/types.ts'
import { companyPath } from './frame/company.tsx'
import { Frame } from './frame/Frame.tsx'
import { PageBoundary } from './frame/PageBoundary.tsx'
import { SignedOut, useSignedOut } from './frame/SignedOut.tsx'
import { Empty, Skeleton } from './parts/Empty.tsx'
import { Page } from './parts/Page.tsx'
import { Problem } from './parts/Problem.tsx'
import { pages } from './pages.ts'
import { go, usePlace } from './router/location.ts'
import { Link } from './router/Link.tsx'
import { match } from './router/match.ts'
import WelcomePage from './pages/welcome/WelcomePage.tsx'

const NotFound = ({ home }: { readonly home: string }): ReactNode => (
  <Page title="There is no such page">
    <Empty title="The address leads to no page of this console.">
      <p>
        <Link to={home}>Go to the overview</Link>
      </p>
    </Empty>
  </Page>
)

/** The page of an address below the one of a company. */
function pageAt(below: string, company: Company): ReactNode {
  for (const { pattern, Component } of pages) {
    const params = match(pattern, below)
    if (params !== null) return <Component params={params} />
  }
  return <NotFound home={`${companyPath(company)}/overview`} />
}

const WELCOME = '/-/welcome'

/** Whether the first part of an address names the company. People type it in small letters. */
const isNamed = ({ issuePrefix }: Company, prefix: string): boolean =>
  encodeURIComponent(issuePrefix).toUpperCase() === prefix.toUpperCase()

interface CompaniesProps {
  readonly companies: readonly Company[]
}

/** Where an address leads that names no page: to the overview of its company, or of the first one; null for an unknown company. */
function beginning(companies: readonly Company[], prefix: string, named: Company | undefined): string | null {
  if (prefix !== '') return named === undefined ? null : `${companyPath(named)}/overview`
  const first = companies.find(({ status }) => status === 'active') ?? companies[0]
  return first === undefined ? WELCOME : `${companyPath(first)}/overview`
}

/** Chooses the page for the address. */
function PageOfAddress({ companies }: CompaniesProps): ReactNode {
  const { path } = usePlace()
  const [, prefix = '', section = '', ...rest] = path.split('/')
  const company = companies.find((each) => isNamed(each, prefix))
  const target = section === '' && path !== WELCOME ? beginning(companies, prefix, company) : null
  useEffect(() => {
    if (target !== null) go(target, { replaces: true })
  }, [target])
  if (path === WELCOME) return <WelcomePage />
  if (target !== null) return <Skeleton lines={10} />
  if (company === undefined) return <NotFound home="/" />
  return (
    <Frame key={company.id} company={company} companies={companies} section={section}>
      {/* Another row begins with a page of its own, so that no text and no act of the one before is left in it. */}
      <PageBoundary key={path}>{pageAt([section, ...rest].join('/'), company)}</PageBoundary>
    </Frame>
  )
}

/** The whole console: the page of the address, or the one of a browser that is not signed in. */
export function App(): ReactNode {
  const [isSignedOut, lookAgain] = useSignedOut()
  const read = useRead<Company[]>(['companies', null], '/companies', { query: { limit: 1000 } })
  const companies = read.data?.data
  if (isSignedOut && companies === undefined) return <SignedOut hasPage={false} lookAgain={lookAgain} />
  if (companies === undefined)
    return read.error === null ? (
      <Skeleton lines={10} />
    ) : (
      <main className="alone">
        <h1>The console cannot begin</h1>
        <Problem problem={read.error} retry={() => inBackground(read.refetch())} />
      </main>
    )
  return (
    <>
      {isSignedOut && <SignedOut hasPage lookAgain={lookAgain} />}
      <div hidden={isSignedOut}>
        <PageOfAddress companies={companies} />
      </div>
    </>
  )
}
