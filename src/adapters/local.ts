// The agents that run as programs on this host: what their adapters have in common. Their table is localPrograms.ts.
import type { Adapter, FinishedOutcome, ErrorCode, Job } from './adapter.ts'
import { startCommand } from './command.ts'
import type { CommandHost } from './command.ts'
import { localPrograms } from './localPrograms.ts'
import type { LocalConfig, Program } from './localPrograms.ts'
import { renderPrompt } from './prompt.ts'
import { emptyTranscript, sessionIdFrom, spentNothing } from './transcript.ts'
import type { Transcript } from './transcript.ts'
import { firstBytes } from './text.ts'

/** Linux accepts 128 KiB in one argument, the terminating NUL included. */
const MAX_ARGUMENT_BYTES = 128 * 1024 - 1024

function localAdapter<Config extends LocalConfig>(program: Program<Config>): (host: CommandHost) => Adapter<Config> {
  return (host) => ({
    schema: program.schema,
    requirements: ({ command = program.command, cwd, env, extraArgs: args, instructionsFilePath }) => ({
      command,
      cwd,
      env,
      namedArgs: args ?? [],
      needs: program.needs,
      instructions: instructionsFilePath,
    }),
    start(job, config, listener) {
      const transcript = emptyTranscript()
      const resume = sessionIdFrom(job.sessionIdBefore)
      return startCommand({
        job,
        config,
        host,
        listener,
        needs: program.needs,
        namedArgs: config.extraArgs ?? [],
        invocation: () => invocationOf(program, { job, config, host, resume }),
        onLine: (line, stream) => program.parser(transcript, line, stream),
        refineOutcome: (outcome) => withConfiguredModel(withTranscript(outcome, transcript, resume), config),
      })
    },
  })
}

interface PromptFacts<Config> {
  readonly job: Job
  readonly config: Config
  readonly host: CommandHost
  readonly resume: string | null
}

async function invocationOf<Config extends LocalConfig>(program: Program<Config>, { job, config, host, resume }: PromptFacts<Config>) {
  const rendered = await renderPrompt(job, config, { isFresh: resume === null, links: host.launcher ?? null })
  if ('problem' in rendered) return rendered
  const command = config.command ?? program.command
  const args = program.args(config, resume)
  if (program.promptArgument === undefined) return { command, args, input: rendered.prompt }
  const prompt = fittedToArgument(rendered.prompt.replaceAll('\0', ''), job)
  return { command, args: [...args, program.promptArgument(prompt)], input: null, shownArgs: [...args, program.promptArgument('…')] }
}

/** A prompt that is too long for an argument ends with a note that says where the rest can be read. */
function fittedToArgument(prompt: string, { issueId }: Job): string {
  const bytes = Buffer.byteLength(prompt)
  if (bytes <= MAX_ARGUMENT_BYTES) return prompt
  const where = issueId === null ? '/api/agents/me/inbox-lite' : `/api/issues/${issueId}/heartbeat-context`
  const note = `\n\n[This prompt of ${bytes} bytes was cut, because this program takes it as an argument. The rest: GET $PAPERCLIP_API_URL${where}]`
  return firstBytes(prompt, MAX_ARGUMENT_BYTES - Buffer.byteLength(note)) + note
}

/**
 * The outcome of the command with what its output reported: usage, summary, session, and a failure despite exit code 0.
 *
 * A resumed session with which the run failed before it cost anything is given up, whatever the program says about it: each
 * program has its own words for a session that it does not know, and the next run would fail in the same way. One run never starts
 * its agent twice: the same wake gets another run, with a fresh session.
 */
function withTranscript(outcome: FinishedOutcome, transcript: Transcript, resume: string | null): FinishedOutcome {
  const { usage, summary, failure } = transcript
  const result = summary === null && failure === null ? null : { summary, ...(failure === null ? {} : { error: failure }) }
  const hasSucceeded = outcome.status === 'succeeded' && failure === null
  // A failed run leaves the session it resumed; the session that it began itself is worth resuming when it did some work.
  const begun = hasSucceeded || !spentNothing(transcript) ? transcript.sessionId : null
  const enriched = { ...outcome, usage, result, sessionIdAfter: hasSucceeded ? (begun ?? resume) : (resume ?? begun) }
  if (outcome.status === 'cancelled' || outcome.status === 'timed_out' || hasSucceeded) return enriched
  if (resume !== null && spentNothing(transcript) && hasExited(outcome))
    return asFailure(enriched, 'adapter_session_unknown', failure ?? `The agent could not continue the session ${resume}`, null)
  return failure === null ? enriched : asFailure(enriched, 'adapter_reported_failure', failure, enriched.sessionIdAfter)
}

/** Some programs do not name the model that they were started with. */
const withConfiguredModel = (outcome: FinishedOutcome, { model }: LocalConfig): FinishedOutcome =>
  outcome.usage === null || outcome.usage.model !== null || model === undefined
    ? outcome
    : { ...outcome, usage: { ...outcome.usage, model } }

/** The program ran, and ended by itself. A program that could not be started says nothing about a session. */
const hasExited = ({ status, errorCode }: FinishedOutcome): boolean =>
  status === 'succeeded' || errorCode === 'exit_nonzero' || errorCode === 'killed_by_signal'

const asFailure = (outcome: FinishedOutcome, errorCode: ErrorCode, error: string, sessionIdAfter: string | null): FinishedOutcome => ({
  ...outcome,
  status: 'failed',
  errorCode,
  error,
  sessionIdAfter,
})

/** The adapter of each local agent. */
export const localAdapters = {
  claude_local: localAdapter(localPrograms.claude_local),
  codex_local: localAdapter(localPrograms.codex_local),
  gemini_local: localAdapter(localPrograms.gemini_local),
  opencode_local: localAdapter(localPrograms.opencode_local),
  cursor: localAdapter(localPrograms.cursor),
  pi_local: localAdapter(localPrograms.pi_local),
  hermes_local: localAdapter(localPrograms.hermes_local),
} as const
