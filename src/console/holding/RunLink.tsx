import type { ReactNode } from 'react'
import { useCompanyPath } from '../frame/company.tsx'
import { Link } from '../router/Link.tsx'
import { shortId } from './liveness.ts'

/** A run by the first part of its id, as a link to its page. */
export function RunLink({ runId }: { readonly runId: string }): ReactNode {
  const pathOf = useCompanyPath()
  return (
    <Link to={pathOf(`runs/${runId}`)} className="mono" title={`Run ${runId}`}>
      run {shortId(runId)}
    </Link>
  )
}
