import { constants } from 'node:fs'
import { open, readlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { Job } from './adapter.ts'
import { givenText } from './given.ts'
import type { Launcher } from './isolation/index.ts'

/** Instructions have up to ten pages; a longer file was configured by mistake. */
export const MAX_INSTRUCTIONS_BYTES = 256 * 1024

export interface PromptConfig {
  readonly promptTemplate?: string | undefined
  /** Precedes the prompt when there is no session to resume. */
  readonly bootstrapPromptTemplate?: string | undefined
  /** A file on this host. Only the board can configure it (I18): agents need an approval to change a configuration. */
  readonly instructionsFilePath?: string | undefined
}

/** The links that agents could have made; null where agents are not isolated, and read what this server reads. */
export type AgentLinks = Pick<Launcher, 'leadsAstray' | 'leadsOut'> | null

const placeholders = (job: Job): Readonly<Record<string, string>> => ({
  prompt: job.prompt,
  agentId: job.agentId,
  'agent.id': job.agentId,
  companyId: job.companyId,
  'company.id': job.companyId,
  runId: job.runId,
  'run.id': job.runId,
  taskId: job.issueId ?? '',
  issueId: job.issueId ?? '',
  wakeReason: job.wakeReason ?? '',
  wakeCommentId: job.wake?.commentId ?? '',
  approvalId: job.wake?.approvalId ?? '',
  approvalStatus: job.wake?.approvalStatus ?? '',
  linkedIssueIds: (job.wake?.linkedIssueIds ?? []).join(','),
  apiUrl: job.apiUrl,
})

// One pass: a placeholder inside a value is not replaced.
const fillTemplate = (template: string, job: Job): string =>
  template.replaceAll(/\{\{\s*([\w.]+)\s*\}\}/g, (_, name: string) =>
    Object.hasOwn(placeholders(job), name) ? (placeholders(job)[name] ?? '') : '',
  )

/**
 * The complete input of an agent: its instructions, the template that opens a fresh session, and the prompt in its template.
 * The prompt follows a template that does not contain its placeholder.
 */
export async function renderPrompt(
  job: Job,
  config: PromptConfig,
  { isFresh, links }: { readonly isFresh: boolean; readonly links: AgentLinks },
): Promise<{ prompt: string } | { problem: string }> {
  const instructions = await readInstructions(config.instructionsFilePath, links)
  if ('problem' in instructions) return instructions
  const template = config.promptTemplate ?? '{{prompt}}'
  const body = fillTemplate(template, job) + (/\{\{\s*prompt\s*\}\}/.test(template) ? '' : `\n\n${job.prompt}`)
  const opening = isFresh && config.bootstrapPromptTemplate !== undefined ? fillTemplate(config.bootstrapPromptTemplate, job) : ''
  return { prompt: [...givenText(job.given), instructions.text, opening, body].filter((part) => part.trim() !== '').join('\n\n') }
}

async function readInstructions(file: string | undefined, links: AgentLinks): Promise<{ text: string } | { problem: string }> {
  if (file === undefined) return { text: '' }
  // An agent could otherwise read through the server whatever the server may read.
  const astray = { problem: `The instructions are a link that an agent could have made, and it leads elsewhere: ${file}` }
  if (links?.leadsAstray(file) === true) return astray
  let opened: FileHandle | null = null
  try {
    // Opening a pipe would otherwise wait without limit.
    opened = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    // A live run may have exchanged the file since the look above: what was opened decides.
    if (links?.leadsOut(file, await readlink(`/proc/self/fd/${opened.fd}`)) === true) return astray
    const facts = await opened.stat()
    if (!facts.isFile() || facts.size > MAX_INSTRUCTIONS_BYTES)
      return { problem: `The instructions are not a file of at most ${MAX_INSTRUCTIONS_BYTES} bytes: ${file}` }
    return { text: await opened.readFile('utf8') }
  } catch {
    return { problem: `The instructions cannot be read: ${file}` }
  } finally {
    await opened?.close()
  }
}
