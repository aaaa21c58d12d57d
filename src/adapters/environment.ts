import type { Job } from './adapter.ts'
import { wakeJson, wakeVariables } from './wakeVariables.ts'

/**
 * The variables that a child inherits from the server: enough to find programs, a home and a language. No other variable is
 * inherited, because it cannot be listed in advance which variables contain secrets of the server (I17).
 */
const inherited: ReadonlySet<string> = new Set(['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'USER'])
const inheritedPattern = /^LC_[A-Z]+$/

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
  const fromServer = Object.entries(server).filter(([name]) => inherited.has(name) || inheritedPattern.test(name) || shared.includes(name))
  const runVariables: Record<string, string | null> = {
    PAPERCLIP_API_URL: job.apiUrl,
    PAPERCLIP_API_KEY: job.token,
    PAPERCLIP_RUN_ID: job.runId,
    PAPERCLIP_AGENT_ID: job.agentId,
    PAPERCLIP_COMPANY_ID: job.companyId,
    ...wakeVariables(job),
    PAPERCLIP_WAKE_PAYLOAD_JSON: wakeJson(job),
  }
  const configuredOnly = Object.entries(configured).filter(([name]) => !(name in runVariables))
  const all = [...fromServer, ...configuredOnly, ...Object.entries(runVariables)]
  // A NUL ends a value for the kernel and is refused by Node: a wake reason that contains one must not stop the run.
  return Object.fromEntries(
    all.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value.replaceAll('\0', '')] as const] : [])),
  )
}
