import type { ReactNode } from 'react'
import { useCompanyPath } from '../../frame/company.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { useNames } from '../activity/names.ts'
import { Sentence } from '../activity/Sentence.tsx'
import { useRunActivity } from './data.ts'

/** The audit rows of a run, which say what it has touched, newest first. */
export function RunActivity({ runId }: { readonly runId: string }): ReactNode {
  const pathOf = useCompanyPath()
  const { rows, problem, isLoading, hasMore, loadMore } = useRunActivity(runId)
  const nameOf = useNames(rows)
  return (
    <section aria-labelledby="touched">
      <h2 id="touched">What it touched</h2>
      {problem !== null && <Problem problem={problem} />}
      {rows.length === 0 && !isLoading && problem === null && <p className="soft">No audit row names this run yet.</p>}
      <ol className="run-list" reversed>
        {rows.map((row) => (
          <li key={row.id}>
            <Sentence row={row} nameOf={nameOf} />
            <span className="soft">
              <Time at={row.createdAt} />
            </span>
          </li>
        ))}
      </ol>
      {hasMore && (
        <button type="button" className="secondary" onClick={loadMore}>
          Load earlier rows
        </button>
      )}
      {rows.length > 0 && (
        <p>
          <Link to={pathOf(`activity?runId=${runId}`)}>See the rows in the activity</Link>
        </p>
      )}
    </section>
  )
}
