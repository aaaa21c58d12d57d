import type { Job } from './adapter.ts'

/**
 * What a child inherits from the server, by name: enough to find programs, a home and a language. Everything else stays
 * here, because what holds the server's own secrets is only known afterwards (I17).
 */
const inherited: ReadonlySet<string> = new Set(['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'USER'])
const inheritedPattern = /^LC_[A-Z]+$/

/**
 * The environment of a run's command: the inherited names, the agent's configured ones, and the run's own, which
 * nothing replaces.
 */
export function childEnvironment(
  server: Readonly<Record<string, string | undefined>>,
  configured: Readonly<Record<string, string>>,
  job: Job,
): Record<string, string> {
  const fromServer = Object.entries(server).filter(([name]) => inherited.has(name) || inheritedPattern.test(name))
  const runVariables: Record<string, string | null> = {
    PAPERCLIP_API_URL: job.apiUrl,
    PAPERCLIP_API_KEY: job.token,
    PAPERCLIP_RUN_ID: job.runId,
    PAPERCLIP_AGENT_ID: job.agentId,
    PAPERCLIP_COMPANY_ID: job.companyId,
    PAPERCLIP_TASK_ID: job.issueId,
    PAPERCLIP_WAKE_REASON: job.wakeReason,
  }
  const configuredOnly = Object.entries(configured).filter(([name]) => !(name in runVariables))
  const all = [...fromServer, ...configuredOnly, ...Object.entries(runVariables)]
  // A NUL ends a value for the kernel and is refused by node: a wake reason with one must not stop the run.
  return Object.fromEntries(
    all.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value.replaceAll('\0', '')] as const] : [])),
  )
}
