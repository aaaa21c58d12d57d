import type { Job } from './adapter.ts'
import { givenVariables } from './given.ts'
import { wakeJson, wakeVariables } from './wakeVariables.ts'

/**
 * The variables that a child inherits from the server: enough to find programs, a home and a language. No other variable is
 * inherited, because it cannot be listed in advance which variables contain secrets of the server (I17).
 */
export const inheritedVariables: readonly string[] = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'USER']
const inheritedPattern = /^LC_[A-Z]+$/

/** The variables of a run, and what each says. One without a value is not set. No configuration replaces them. */
export const runVariables = {
  PAPERCLIP_API_URL: 'Where this server is, without `/api` and without a trailing slash',
  PAPERCLIP_API_KEY: 'The token of the run: the bearer of every request, valid until the run ends',
  PAPERCLIP_RUN_ID: 'The run',
  PAPERCLIP_AGENT_ID: 'The agent',
  PAPERCLIP_COMPANY_ID: 'Its company',
  PAPERCLIP_TASK_ID: 'The issue that the agent was woken for',
  PAPERCLIP_WAKE_REASON: 'Why it was woken: `issue_assigned`, `issue_commented`, `heartbeat_timer` and others',
  PAPERCLIP_WAKE_COMMENT_ID: 'The comment that woke it',
  PAPERCLIP_APPROVAL_ID: 'The approval whose decision woke it',
  PAPERCLIP_APPROVAL_STATUS: 'What the board decided: `approved`, `rejected`, `revision_requested`',
  PAPERCLIP_LINKED_ISSUE_IDS: 'The issues that the approval is linked to, separated by commas',
  PAPERCLIP_WAKE_PAYLOAD_JSON: '`{reason, issueId, payload, newWords}`: everything that woke it, as JSON',
  ...givenVariables,
} as const satisfies Readonly<Record<string, string>>
export type RunVariable = keyof typeof runVariables

/** The server's own environment, and the names that a tool inherits in addition. */
export interface Inheritance {
  readonly server: Readonly<Record<string, string | undefined>>
  readonly shared: readonly string[]
}

/**
 * The environment of a run's command: the inherited variables, the agent's configured ones, and the run's own, which no
 * configuration replaces.
 */
export function childEnvironment(
  { server, shared }: Inheritance,
  configured: Readonly<Record<string, string>>,
  job: Job,
): Record<string, string> {
  const fromServer = Object.entries(server).filter(
    ([name]) => inheritedVariables.includes(name) || inheritedPattern.test(name) || shared.includes(name),
  )
  const values: Record<RunVariable, string | null> = {
    PAPERCLIP_API_URL: job.apiUrl,
    PAPERCLIP_API_KEY: job.token,
    PAPERCLIP_RUN_ID: job.runId,
    PAPERCLIP_AGENT_ID: job.agentId,
    PAPERCLIP_COMPANY_ID: job.companyId,
    ...wakeVariables(job),
    PAPERCLIP_WAKE_PAYLOAD_JSON: wakeJson(job),
    // Set when the folder of the run is known.
    PAPERCLIP_INSTRUCTIONS_DIR: null,
    PAPERCLIP_INSTRUCTIONS_FILE: null,
    PAPERCLIP_SKILLS_DIR: null,
  }
  const configuredOnly = Object.entries(configured).filter(([name]) => !(name in values))
  // The name is that of OpenTelemetry. An agent that has its own says more.
  const trace = job.traceParent === undefined ? [] : [['TRACEPARENT', job.traceParent] as const]
  const all = [...fromServer, ...trace, ...configuredOnly, ...Object.entries(values)]
  // A NUL ends a value for the kernel and is refused by Node: a wake reason that contains one must not stop the run.
  return Object.fromEntries(
    all.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value.replaceAll('\0', '')] as const] : [])),
  )
}
