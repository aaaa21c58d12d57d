import { useState } from 'react'
import type { ReactNode } from 'react'
import { useAct } from '../../api/acts.ts'
import { request } from '../../api/client.ts'
import { useRead } from '../../api/reads.ts'
import type { Company, Me } from '../../api/types.ts'
import { companyPath } from '../../frame/company.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { TextField } from '../../parts/fields.tsx'
import { Link } from '../../router/Link.tsx'
import { setQuery, usePlace } from '../../router/location.ts'
import { FirstSteps } from '../../starting/FirstSteps.tsx'
import { useEvents } from '../../stream/useEvents.ts'

/** The page without a company: it makes one, and leads to a working agent. */
export default function WelcomePage(): ReactNode {
  const companies = useRead<Company[]>(['companies', null], '/companies', { query: { limit: 1000 } }).data?.data ?? []
  const prefix = usePlace().query.get('company')
  const company = companies.find(({ issuePrefix }) => issuePrefix === prefix)
  return (
    <main id="content" className="welcome">
      {company === undefined ? <NewCompany hasOthers={companies.length > 0} /> : <Made company={company} />}
      {companies.length > 0 && company === undefined && (
        <p>
          <Link to="/">Back to the console</Link>
        </p>
      )}
    </main>
  )
}

function Made({ company }: { readonly company: Company }): ReactNode {
  useEvents(company.id)
  return (
    <>
      <header className="page-head">
        <h1>{company.name} begins</h1>
        <Link className="button secondary" to={`${companyPath(company)}/overview`}>
          Open the overview
        </Link>
      </header>
      <FirstSteps company={company} />
    </>
  )
}

function NewCompany({ hasOthers }: { readonly hasOthers: boolean }): ReactNode {
  const me = useRead<Me>(['me', null], '/cli-auth/me').data?.data
  if (me?.isInstanceAdmin === false)
    return (
      <>
        <h1>You are a member of no company{hasOthers ? ' that you may make another one from' : ''}</h1>
        <p>
          You are signed in as {me.user?.name} ({me.user?.email}). Companies are made by administrators of this server. Ask one of them, or
          an owner of a company, for an invitation: a link that you open in this browser. After that an owner approves your request to join.
        </p>
        <p>
          <a href="/account">Your account, and what waits for a decision</a>
        </p>
      </>
    )
  return (
    <>
      <h1>{hasOthers ? 'New company' : 'Welcome'}</h1>
      <p>
        {hasOthers ? 'A company has its own agents, issues, projects, members and audit log.' : 'This server has no company yet. '}
        {!hasOthers && 'Give the first one a name; after that it needs an agent and an issue. It takes a minute.'}
      </p>
      <CompanyForm />
    </>
  )
}

interface NewCompanyFields {
  readonly name: string
  readonly description: string | null
}

function CompanyForm(): ReactNode {
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const create = useAct(['companies'], async (body: NewCompanyFields) => (await request<Company>('POST', '/companies', { body })).data)
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        const fields = { name: name.trim(), description: description.trim() === '' ? null : description.trim() }
        create.mutate(fields, { onSuccess: ({ issuePrefix }) => setQuery({ company: issuePrefix }) })
      }}
    >
      <TextField label="Name of the company" value={name} onChange={setName} isRequired isFirst maxLength={200} />
      <TextField label="Description" value={description} onChange={setDescription} hint="Agents read it. It may stay empty." rows={3} />
      {create.error !== null && <Problem problem={create.error} />}
      <button type="submit" disabled={create.isPending}>
        Create the company
      </button>
    </form>
  )
}
