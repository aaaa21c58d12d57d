import { idOf } from './expected.ts'

/** One request to the server, as whoever holds the token or else as the local board. */
export async function callApi(base: string, method: string, path: string, body?: unknown, token?: string): Promise<unknown> {
  const response = await fetch(`${base}/api${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
  return answer
}

/** What both tours find on the server: one company with its people and their plans. */
export interface Setup {
  readonly base: string
  readonly companyId: string
  readonly projectId: string
  readonly goalId: string
  readonly engineer: { readonly id: string; readonly key: string }
  readonly ceo: { readonly id: string; readonly key: string }
}

export async function createSetup(base: string): Promise<Setup> {
  const companyId = idOf(await callApi(base, 'POST', '/companies', { name: 'Acme' }))
  const createAgent = async (name: string, role: string): Promise<Setup['ceo']> => {
    const id = idOf(await callApi(base, 'POST', `/companies/${companyId}/agents`, { name, role }))
    const { token } = (await callApi(base, 'POST', `/agents/${id}/keys`, { name: 'tour' })) as { token: string }
    return { id, key: token }
  }
  const goalId = idOf(await callApi(base, 'POST', `/companies/${companyId}/goals`, { title: 'Be read', level: 'company' }))
  return {
    base,
    companyId,
    goalId,
    projectId: idOf(await callApi(base, 'POST', `/companies/${companyId}/projects`, { name: 'Site', goalIds: [goalId] })),
    engineer: await createAgent('Ada Lovelace', 'engineer'),
    ceo: await createAgent('Grace', 'ceo'),
  }
}
