import type { ReactNode } from 'react'
import { useRead } from '../api/reads.ts'
import type { Approval, Badges, Company, Whoami } from '../api/types.ts'
import { useCurrentInSight } from '../parts/useCurrentInSight.ts'
import { Link } from '../router/Link.tsx'
import { go } from '../router/location.ts'
import { companyPath } from './company.tsx'
import { ThemeSwitch } from './ThemeSwitch.tsx'

/** The choice of the switcher that leads to the page on which a company is made. It is no prefix, because a prefix is of letters. */
const NEW_COMPANY = '+'

interface Entry {
  readonly path: string
  readonly name: string
  /** The thing that its number counts, in words. */
  readonly counts?: string
}

/** The pages of a company, in the order in which the rail has them. */
export const entries: readonly Entry[] = [
  { path: 'overview', name: 'Overview' },
  { path: 'issues', name: 'Issues' },
  { path: 'locks', name: 'Locks' },
  { path: 'runs', name: 'Runs', counts: 'failed' },
  { path: 'agents', name: 'Agents' },
  { path: 'approvals', name: 'Approvals', counts: 'waiting' },
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

/** Approvals that are read to count them. */
const MOST_APPROVALS = 50

/** The numbers beside the pages. The badge of approvals has also those that were sent back, which wait for their agents and for no person. */
function useCounts({ id }: Company): { readonly texts: Readonly<Record<string, string>>; readonly areKnown: boolean } {
  const badges = useRead<Badges>(['figures', id, 'badges'], `/companies/${id}/sidebar-badges`).data?.data
  const query = { status: 'pending', limit: MOST_APPROVALS }
  const waiting = useRead<Approval[]>(['approvals', id, 'pending'], `/companies/${id}/approvals`, { query }).data
  const approvals = waiting?.data.length ?? 0
  const textOf = (value: number, hasMore = false): string => (value === 0 ? '' : `${value}${hasMore ? '+' : ''}`)
  const texts = { runs: textOf(badges?.failedRuns ?? 0), approvals: textOf(approvals, waiting !== undefined && waiting.next !== null) }
  return { texts, areKnown: badges !== undefined && waiting !== undefined }
}

/** The rail of pages: to the left, and at the bottom of a telephone. */
export function Rail({ company, companies, whoami, section, onKeys }: RailProps): ReactNode {
  const { texts, areKnown } = useCounts(company)
  // The first numbers move the links. Later ones must not move the rail under a finger.
  const rail = useCurrentInSight(`${section} ${areKnown}`)
  const base = companyPath(company)
  return (
    <header className="rail" ref={rail}>
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
        {[...entries, { path: 'settings', name: 'Settings' } as Entry].map(({ path, name, counts }) => {
          const text = counts === undefined ? '' : (texts[path] ?? '')
          const words = text === '' ? undefined : `${text} ${counts}`
          return (
            <Link key={path} to={`${base}/${path}`} aria-current={section === path ? 'page' : undefined} aria-description={words}>
              {name}
              {words !== undefined && (
                <span className="count" aria-hidden="true" title={words}>
                  {text}
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
