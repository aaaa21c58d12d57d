import { readFile, stat } from 'node:fs/promises'
import type { Job } from './adapter.ts'

/** Instructions are a page or ten; what is longer is another file by mistake. */
export const MAX_INSTRUCTIONS_BYTES = 256 * 1024

export interface PromptConfig {
  readonly promptTemplate?: string | undefined
  /** Comes first when there is no session to resume. */
  readonly bootstrapPromptTemplate?: string | undefined
  /** A file on this host that only the board can name (I18): agents need an approval to change a configuration. */
  readonly instructionsFilePath?: string | undefined
}

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
  apiUrl: job.apiUrl,
})

// One pass: what a value contains is never taken for a placeholder again.
const fillTemplate = (template: string, job: Job): string =>
  template.replaceAll(/\{\{\s*([\w.]+)\s*\}\}/g, (_, name: string) =>
    Object.hasOwn(placeholders(job), name) ? (placeholders(job)[name] ?? '') : '',
  )

/**
 * What the agent is told: its instructions, the template that opens a fresh session, and the prompt in its template.
 * A template that does not place the prompt is followed by it.
 */
export async function renderPrompt(job: Job, config: PromptConfig, isFresh: boolean): Promise<{ prompt: string } | { problem: string }> {
  const instructions = await readInstructions(config.instructionsFilePath)
  if ('problem' in instructions) return instructions
  const template = config.promptTemplate ?? '{{prompt}}'
  const body = fillTemplate(template, job) + (/\{\{\s*prompt\s*\}\}/.test(template) ? '' : `\n\n${job.prompt}`)
  const opening = isFresh && config.bootstrapPromptTemplate !== undefined ? fillTemplate(config.bootstrapPromptTemplate, job) : ''
  return { prompt: [instructions.text, opening, body].filter((part) => part.trim() !== '').join('\n\n') }
}

async function readInstructions(file: string | undefined): Promise<{ text: string } | { problem: string }> {
  if (file === undefined) return { text: '' }
  try {
    const facts = await stat(file)
    // Reading a pipe or a device would wait for somebody who never writes.
    if (!facts.isFile() || facts.size > MAX_INSTRUCTIONS_BYTES)
      return { problem: `The instructions are not a file of at most ${MAX_INSTRUCTIONS_BYTES} bytes: ${file}` }
    return { text: await readFile(file, 'utf8') }
  } catch {
    return { problem: `The instructions cannot be read: ${file}` }
  }
}
