import type { QueryClient } from '@tanstack/react-query'
import { ApiProblem, request } from './client.ts'
import type { Answer, RequestOptions } from './client.ts'
import { allowsRead, isLimited } from './limitedReads.ts'
import type { Whoami } from './types.ts'

/** The person of this browser and its roles, as the page has read them: `useRead(['whoami', null], '/whoami')` shows the same. */
function readWhoami(queries: QueryClient): Promise<Answer<Whoami>> {
  const queryKey = ['whoami', null, {}]
  // A read that is under way is waited for: the role may have changed since the last one.
  const isUnderWay = queries.getQueryState(queryKey)?.fetchStatus === 'fetching'
  const queryFn = ({ signal }: { readonly signal: AbortSignal }): Promise<Answer<Whoami>> => request<Whoami>('GET', '/whoami', { signal })
  return queries.fetchQuery({ queryKey, queryFn, ...(isUnderWay ? { staleTime: 0 } : {}) })
}

const refused = (role: string): ApiProblem =>
  new ApiProblem('Your role in the company does not allow this', {
    status: 403,
    code: 'role_missing',
    details: { role, sufficientRole: 'admin' },
    body: {},
    requestId: null,
  })

/**
 * Refuses a read that the role of the person in the company is known not to allow, as the server would, without asking it.
 * @param companyId null for a read of no company
 * @throws ApiProblem `role_missing`
 */
export async function requireAllowed(queries: QueryClient, companyId: string | null, path: string): Promise<void> {
  if (companyId === null || !isLimited(path)) return
  const { memberships } = (await readWhoami(queries)).data
  const member = memberships?.find((each) => each.companyId === companyId)
  if (member !== undefined && !allowsRead(member, path)) throw refused(member.role)
}

/** Asks for a read that the role of the person may allow. @throws ApiProblem of the server, or of `requireAllowed` */
export async function requestAllowed<T>(
  queries: QueryClient,
  companyId: string | null,
  path: string,
  options: RequestOptions,
): Promise<Answer<T>> {
  await requireAllowed(queries, companyId, path)
  return await request<T>('GET', path, options)
}
