import { segment } from '../api/client.ts'
import { useRead } from '../api/reads.ts'
import type { Agent, Company, ListedIssue, Run } from '../api/types.ts'
import { wordsOf } from '../parts/Status.tsx'
import { companyPath, useCompany } from './company.tsx'
import type { Entry, Findable } from './found.ts'
import { isRunId, isWholeId, matching } from './found.ts'
import { entries } from './Rail.tsx'
import { setTheme, themes, themeWords } from './theme.ts'

/** The pages that are parts of others. */
const parts = [
  { path: 'projects?tab=goals', name: 'Goals' },
  { path: 'projects?tab=labels', name: 'Labels' },
  { path: 'settings', name: 'Settings' },
  { path: 'settings?tab=members', name: 'Members' },
  { path: 'settings?tab=invitations', name: 'Invitations' },
  { path: 'settings?tab=requests', name: 'Join requests' },
  { path: 'settings?tab=sessions', name: 'My sessions' },
  { path: 'settings?tab=instance', name: 'Instance' },
] as const

/** The runs that the start of an id is looked for in. */
const RECENT_RUNS = 200

function useRunEntries(typed: string, base: string): Entry[] {
  const { id } = useCompany()
  const text = typed.trim().toLowerCase()
  const mayBeRun = isRunId(text)
  const recent = useRead<Run[]>(['runs', id, 'palette'], `/companies/${id}/heartbeat-runs`, {
    query: { limit: RECENT_RUNS },
    isEnabled: mayBeRun,
  }).data?.data
  const exact = useRead<Run>(['run', id, text], `/heartbeat-runs/${segment(text)}`, { isEnabled: isWholeId(text) }).data?.data
  if (!mayBeRun) return []
  const found = recent?.filter((run) => run.id.startsWith(text)) ?? []
  const runs = exact === undefined || found.some((run) => run.id === exact.id) ? found : [exact, ...found]
  return runs.map((run) => ({
    key: `run ${run.id}`,
    words: `Run ${run.id.slice(0, 8)}`,
    note: wordsOf(run.status),
    to: `${base}/runs/${run.id}`,
  }))
}

const issueEntry = ({ identifier, title, status }: ListedIssue, base: string): Entry => ({
  key: `issue ${identifier}`,
  words: `${identifier} ${title}`,
  note: wordsOf(status),
  to: `${base}/issues/${identifier}`,
})

/** The issues with the one whose identifier was typed, so that `enter` opens it before the server has answered. */
function withTyped(typed: string, company: Company, found: readonly Entry[]): readonly Entry[] {
  const identifier = typed.trim().toUpperCase()
  const key = `issue ${identifier}`
  const isIdentifier = identifier.startsWith(`${company.issuePrefix}-`) && /^\d+$/.test(identifier.slice(company.issuePrefix.length + 1))
  if (!isIdentifier || found.some((entry) => entry.key === key)) return found
  return [{ key, words: `Open ${identifier}`, to: `${companyPath(company)}/issues/${identifier}` }, ...found]
}

interface FindableOptions {
  /** The text that was typed. */
  readonly typed: string
  /** The same, when the typing has paused: the server is asked for it. */
  readonly asked: string
  readonly companies: readonly Company[]
  readonly onKeys: () => void
}

/** The lists in which the palette finds: of this page, and of the server. */
export function useFindable({ typed, asked, companies, onKeys }: FindableOptions): Findable {
  const company = useCompany()
  const { id } = company
  const base = companyPath(company)
  const q = asked.trim()
  const agents = useRead<Agent[]>(['agents', id], `/companies/${id}/agents`, { query: { limit: 1000 } }).data?.data ?? []
  const issues = useRead<ListedIssue[]>(['issues', id, 'palette'], `/companies/${id}/issues`, {
    query: { q, limit: 8 },
    isEnabled: q !== '',
  })
  const found = q === '' ? [] : (issues.data?.data ?? []).map((issue) => issueEntry(issue, base))
  // Until the server has answered to this text, issues that it found for the text before are shown only where they fit this one as well.
  const isAnswered = typed.trim() === q && !issues.isPlaceholderData
  return {
    pages: [...entries, ...parts].map(({ path, name }) => ({ key: `page ${path}`, words: name, to: `${base}/${path}` })),
    issues: withTyped(typed, company, isAnswered ? found : matching(found, typed)),
    agents: agents.map((agent) => ({
      key: `agent ${agent.id}`,
      words: agent.name,
      note: `${agent.title ?? agent.role}, ${wordsOf(agent.status)}`,
      to: `${base}/agents/${agent.id}`,
    })),
    runs: useRunEntries(typed, base),
    acts: [
      { key: 'issue', words: 'Create an issue', to: `${base}/issues?create=yes` },
      { key: 'keys', words: 'List the keys', to: onKeys },
      ...themes.map((theme) => ({ key: `theme ${theme}`, words: `Theme: ${themeWords[theme].toLowerCase()}`, to: () => setTheme(theme) })),
      ...companies
        .filter((other) => other.id !== id)
        .map((other) => ({ key: `company ${other.id}`, words: `Go to ${other.name}`, to: `${companyPath(other)}/overview` })),
      { key: 'company', words: 'Make a new company', to: '/-/welcome' },
    ],
  }
}
