import { idOf } from './expected.ts'

interface CallOptions {
  readonly body?: unknown
  /** The credential of a run or an agent. Without it, the local board sends the request. */
  readonly token?: string
}

/** Sends one request to the server. @returns the parsed body @throws on any error status */
export async function callApi(base: string, method: string, path: string, { body, token }: CallOptions = {}): Promise<unknown> {
  const response = await fetch(`${base}/api${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
  return answer
}

/** The rows that both smoke tests use: one company with two agents, a project and a goal. */
export interface Setup {
  readonly base: string
  readonly companyId: string
  readonly projectId: string
  readonly goalId: string
  readonly engineer: { readonly id: string; readonly key: string }
  readonly ceo: { readonly id: string; readonly key: string }
}

/** Creates the company through the API. */
export async function createSetup(base: string): Promise<Setup> {
  const companyId = idOf(await callApi(base, 'POST', '/companies', { body: { name: 'Acme' } }))
  const createAgent = async (name: string, role: string): Promise<Setup['ceo']> => {
    const id = idOf(await callApi(base, 'POST', `/companies/${companyId}/agents`, { body: { name, role } }))
    const { token } = (await callApi(base, 'POST', `/agents/${id}/keys`, { body: { name: 'smoke' } })) as { token: string }
    return { id, key: token }
  }
  const goalId = idOf(await callApi(base, 'POST', `/companies/${companyId}/goals`, { body: { title: 'Be read', level: 'company' } }))
  return {
    base,
    companyId,
    goalId,
    projectId: idOf(await callApi(base, 'POST', `/companies/${companyId}/projects`, { body: { name: 'Site', goalIds: [goalId] } })),
    engineer: await createAgent('Ada Lovelace', 'engineer'),
    ceo: await createAgent('Grace', 'ceo'),
  }
}
