import { useEffect } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from './api/background.ts'
import { useRead } from './api/reads.ts'
import type { Company } from './api/types.ts'
import { companyPath } from './frame/company.tsx'
import { Frame } from './frame/Frame.tsx'
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

function CompanyPage({
  company,
  companies,
  path,
}: {
  readonly company: Company
  readonly companies: readonly Company[]
  readonly path: string
}): ReactNode {
  const below = path.split('/').slice(2).join('/')
  const section = path.split('/')[2] ?? ''
  for (const { pattern, Component } of pages) {
    const params = match(pattern, below)
    if (params === null) continue
    return (
      <Frame company={company} companies={companies} section={section}>
        <Component params={params} />
      </Frame>
    )
  }
  return (
    <Frame company={company} companies={companies} section={section}>
      <NotFound home={`${companyPath(company)}/overview`} />
    </Frame>
  )
}

/** Chooses the page for the address. */
export function App(): ReactNode {
  const { path } = usePlace()
  const isSignedOut = useSignedOut()
  const read = useRead<Company[]>(['companies', null], '/companies', { query: { limit: 1000 } })
  const companies = read.data?.data
  const [, prefix = ''] = path.split('/')
  const first = companies?.find(({ status }) => status === 'active') ?? companies?.[0]
  const target = companies === undefined || prefix !== '' ? null : first === undefined ? '/-/welcome' : `${companyPath(first)}/overview`
  useEffect(() => {
    if (target !== null) go(target, { replaces: true })
  }, [target])
  if (isSignedOut) return <SignedOut />
  if (companies === undefined)
    return read.error === null ? <Skeleton lines={10} /> : <Problem problem={read.error} retry={() => inBackground(read.refetch())} />
  if (path === '/-/welcome') return <WelcomePage />
  if (target !== null) return <Skeleton lines={10} />
  const company = companies.find(({ issuePrefix }) => encodeURIComponent(issuePrefix) === prefix)
  if (company === undefined) return <NotFound home="/" />
  return <CompanyPage company={company} companies={companies} path={path} />
}
