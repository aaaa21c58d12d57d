// A client as an author writes it: what compiles here compiles for everybody who generates types from the document.

import createClient from 'openapi-fetch'
import type { components, paths } from './generated/api.ts'

type Issue = components['schemas']['IssueWithLabels']

const client = createClient<paths, 'application/json'>({ baseUrl: 'http://127.0.0.1:3100' })

/** Takes an issue, or says what to do instead. */
export async function take(id: string, agentId: string): Promise<Issue | components['schemas']['NextStep'] | null> {
  const { data, error } = await client.POST('/api/issues/{id}/checkout', {
    params: { path: { id } },
    body: { agentId, expectedStatuses: ['todo', 'backlog'] },
  })
  if (data !== undefined) return data
  switch (error.code) {
    case 'issue_held':
      console.log(`${error.details.holder?.agentName} works on ${error.details.issueId}`)
      return error.details.next
    case 'validation_failed':
      for (const finding of error.details) console.log(finding.path.join('.'), finding.message)
      return null
    case 'internal':
    default:
      return null
  }
}

/** Open issues of two kinds, with a filter that is a list and one that is a switch. */
export async function unassigned(companyId: string): Promise<string[]> {
  const { data = [] } = await client.GET('/api/companies/{companyId}/issues', {
    params: { path: { companyId }, query: { status: ['todo', 'in_progress'], unassigned: true, limit: 50 } },
  })
  return data.map((issue) => `${issue.identifier} ${issue.title} (${issue.activeRun?.status ?? 'no run'})`)
}
