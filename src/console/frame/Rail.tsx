import type { ReactNode } from 'react'
import { useRead } from '../api/reads.ts'
import type { Badges, Company, Whoami } from '../api/types.ts'
import { Link } from '../router/Link.tsx'
import { go } from '../router/location.ts'
import { companyPath } from './company.tsx'
import { ThemeSwitch } from './ThemeSwitch.tsx'

/** The choice of the switcher that leads to the page on which a company is made. It is no prefix, because a prefix is of letters. */
const NEW_COMPANY = '+'

interface Entry {
  readonly path: string
  readonly name: string
  /** A count of what waits for a person, and the words around it. */
  readonly count?: (badges: Badges) => { readonly value: number; readonly words: string }
}

/** The pages of a company, in the order in which the rail has them. */
export const entries: readonly Entry[] = [
  { path: 'overview', name: 'Overview' },
  { path: 'issues', name: 'Issues' },
  { path: 'locks', name: 'Locks' },
  { path: 'runs', name: 'Runs', count: ({ failedRuns }) => ({ value: failedRuns, words: 'failed' }) },
  { path: 'agents', name: 'Agents' },
  { path: 'approvals', name: 'Approvals', count: ({ approvals }) => ({ value: approvals, words: 'waiting' }) },
  { path: 'activity', name: 'Activity' },
  { path: 'costs', name: 'Costs' },
  { path: 'budgets', name: 'Budgets' },
  { path: 'projects', name: 'Projects' },
  { path: 'routines', name: 'Routines' },
  { path: 'skills', name: 'Skills' },
  { path: 'secrets', name: 'Secrets' },
  { path: 'webhooks', name: 'Webhooks' },
]

interface RailProps {
  readonly company: Company
  readonly companies: readonly Company[]
  readonly whoami: Whoami | null
  /** The second part of the path of the page. */
  readonly section: string
  readonly onKeys: () => void
}

/** The user of this browser, in words. */
function identityOf(whoami: Whoami | null): string {
  if (whoami === null) return ''
  if (whoami.credential === 'session') return 'Signed in'
  return whoami.mode === 'implicit' ? 'Local board on this machine' : 'Board, by its token'
}

/** The rail of pages: to the left, and at the bottom of a telephone. */
export function Rail({ company, companies, whoami, section, onKeys }: RailProps): ReactNode {
  const badges = useRead<Badges>(['figures', company.id, 'badges'], `/companies/${company.id}/sidebar-badges`).data?.data
  const base = companyPath(company)
  return (
    <header className="rail">
      <label className="switcher">
        <span className="hidden">Company</span>
        <select
          value={company.issuePrefix}
          onChange={({ target }) => go(target.value === NEW_COMPANY ? '/-/welcome' : `/${encodeURIComponent(target.value)}/overview`)}
        >
          {companies.map(({ id, issuePrefix, name }) => (
            <option key={id} value={issuePrefix}>
              {name}
            </option>
          ))}
          <option value={NEW_COMPANY}>New company…</option>
        </select>
      </label>
      <nav aria-label="Pages">
        {[...entries, { path: 'settings', name: 'Settings' } as Entry].map(({ path, name, count }) => {
          const counted = badges === undefined ? undefined : count?.(badges)
          return (
            <Link
              key={path}
              to={`${base}/${path}`}
              aria-current={section === path ? 'page' : undefined}
              aria-description={counted === undefined || counted.value === 0 ? undefined : `${counted.value} ${counted.words}`}
            >
              {name}
              {counted !== undefined && counted.value > 0 && (
                <span className="count" aria-hidden="true" title={`${counted.value} ${counted.words}`}>
                  {counted.value}
                </span>
              )}
            </Link>
          )
        })}
      </nav>
      <div className="rail-foot">
        <ThemeSwitch />
        <button type="button" className="quiet" onClick={onKeys}>
          Keys <kbd aria-hidden="true">?</kbd>
        </button>
        <p className="who soft">{identityOf(whoami)}</p>
      </div>
    </header>
  )
}
