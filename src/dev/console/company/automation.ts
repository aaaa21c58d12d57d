// What the filled company runs on by itself: secrets with those that use them.

import type { Requests } from './requests.ts'
import type { Agent } from './work.ts'

interface AutomationOf {
  readonly agents: Readonly<Record<'alan', Agent>>
}

/** Makes secrets: one that an agent uses, in its second version, and one that nothing uses. */
async function createSecrets(board: Requests, companyId: string, { alan }: AutomationOf['agents']): Promise<void> {
  const made = (name: string, value: string, description: string): Promise<{ readonly id: string }> =>
    board.post(`/companies/${companyId}/secrets`, { name, value, description })
  const token = await made('GitHub token of the builds', 'ghp_Zk41vQ82mTeR6Yx0', 'Reads the mirror. Holds until March.')
  await made('Registry', 'npm_4Wq7LcVt91XsPd3e', 'For the packages of the release.')
  await board.post(`/secrets/${token.id}/rotate`, { value: 'ghp_9dLw73HsNcPa5Ub2' })
  const env = { GITHUB_TOKEN: { type: 'secret_ref', secretId: token.id, version: 'latest' } }
  await board.patch(`/agents/${alan.id}`, { adapterConfig: { env } })
}

/** Fills a company with what it runs on by itself. */
export async function createAutomation(board: Requests, companyId: string, { agents }: AutomationOf): Promise<void> {
  await createSecrets(board, companyId, agents)
}
