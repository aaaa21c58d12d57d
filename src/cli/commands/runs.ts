import { z } from 'zod'
import type { runLogView, runView } from '../../engine/runs/views.ts'
import { runStatus } from '../../model/runStatus.ts'
import { command } from '../command.ts'
import type { Io } from '../io.ts'
import { commandProblem, EXIT } from '../problem.ts'
import { safeJson, sentence } from '../screen.ts'
import { eventsOf, valueOf } from '../serverEvents.ts'
import { agentIdOf, agentNamesOf, companyIdOf, companyOption, limitOption, reasonOption, withQuery, yesOption } from '../subject.ts'
import { ago, fields, table } from '../table.ts'
import type { Cell } from '../table.ts'

type Run = z.output<typeof runView>
type LogPiece = z.output<typeof runLogView>

const runOption = { run: z.uuid().describe('the id of the run') }

const toneOf = (status: Run['status']): Cell => {
  if (status === 'succeeded' || status === 'running') return { text: status, tone: 'good' }
  return status === 'queued' || status === 'cancelled' ? status : { text: status, tone: 'bad' }
}

const listRuns = command({
  name: 'runs ls',
  summary: 'List runs, the newest first',
  example: ['paperclip-server runs ls --status running,queued', 'paperclip-server runs ls --agent scribe --limit 10 --json'],
  options: z.object({
    ...companyOption,
    agent: z.string().min(1).optional().describe('only those of an agent, by name or id'),
    status: z
      .string()
      .optional()
      .describe(`only those of a status, or of several with commas: ${runStatus.statuses.join(', ')}`),
    ...limitOption(),
  }),
  run: async (io, { company, agent, status, limit }) => {
    const companyId = await companyIdOf(io, company)
    const agentId = agent === undefined ? undefined : await agentIdOf(io, agent, companyId)
    const runs = await io.client().list<Run>(withQuery(`/companies/${companyId}/heartbeat-runs`, { agentId, status }), limit)
    if (io.json) return { data: runs }
    const nameOf = await agentNamesOf(io, companyId)
    const text = table(
      io.screen,
      runs,
      [
        { title: 'run', value: ({ id }) => id },
        { title: 'status', value: (run) => toneOf(run.status) },
        { title: 'agent', value: ({ agentId: id }) => nameOf(id), gives: true },
        { title: 'source', value: ({ invocationSource }) => invocationSource },
        { title: 'created', value: ({ createdAt }) => ago(createdAt, io.now()) },
        { title: 'ended', value: ({ finishedAt }) => ago(finishedAt, io.now()) },
        { title: 'error', value: ({ errorCode, error }) => errorCode ?? error, gives: true },
      ],
      'There is no such run.',
    )
    return { data: runs, text }
  },
})

const showRun = command({
  name: 'runs show',
  summary: 'Show one run',
  example: 'paperclip-server runs show 0197f0c2-7c1e-7b52-9d55-2b1f0f5f6a10',
  options: z.object(runOption),
  positionals: ['run'],
  run: async (io, { run: id }) => {
    const run = await io.client().get<Run>(`/heartbeat-runs/${id}`)
    const nameOf = await agentNamesOf(io, run.companyId)
    const text = fields(io.screen, [
      ['run', run.id],
      ['status', toneOf(run.status)],
      ['agent', nameOf(run.agentId)],
      ['issue', run.issueId],
      ['source', [run.invocationSource, run.triggerDetail].filter((part) => part !== null).join(', ')],
      ['created', run.createdAt],
      ['started', run.startedAt],
      ['ended', run.finishedAt],
      ['last seen', ago(run.lastSeenAt, io.now())],
      ['lease', `${run.leaseSeconds} s, ends ${ago(run.leaseExpiresAt, io.now())}`],
      ['process', run.processPid],
      ['exit code', run.exitCode ?? run.signal],
      ['error', run.error],
      ['error code', run.errorCode],
      ['log', run.logBytes === null ? null : `${run.logBytes} bytes: paperclip-server runs log ${run.id}`],
    ])
    return { data: run, text }
  },
})

const cancelRun = command({
  name: 'runs cancel',
  summary: 'Cancel a run and free the issues it holds',
  example: 'paperclip-server runs cancel 0197f0c2-7c1e-7b52-9d55-2b1f0f5f6a10 --reason "wrong branch" --yes',
  options: z.object({ ...runOption, reason: reasonOption(false), ...yesOption }),
  positionals: ['run'],
  run: async (io, { run: id, reason, yes }) => {
    const client = io.client()
    const before = await client.get<Run>(`/heartbeat-runs/${id}`)
    if (runStatus.terminal.includes(before.status)) return { data: before, text: sentence`The run has already ended: ${before.status}.` }
    if (!(await io.confirm(`Cancel the run, which is ${before.status}?`, yes)))
      return { data: before, text: 'Nothing was changed.', exit: EXIT.usage }
    const run = await client.post<Run>(`/heartbeat-runs/${id}/cancel`, { reason: reason ?? null })
    return { data: run, text: sentence`The run is ${run.status}.` }
  },
})

/** The lines of a piece of a log: what the process wrote, without the envelope of the store. */
function textOfPiece(content: string): string {
  return content
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      try {
        const { chunk } = JSON.parse(line) as { readonly chunk?: unknown }
        return typeof chunk === 'string' ? chunk : ''
      } catch {
        return line
      }
    })
    .join('')
}

const writePiece = async (io: Io, piece: LogPiece): Promise<void> =>
  io.json ? await io.writeJson(piece.content) : await io.write(textOfPiece(piece.content))

/** Follows a log until the run has ended. @returns the status with which it ended; null where the server ended the stream */
async function followLog(io: Io, id: string): Promise<string | null> {
  const answer = await io.client().open(`/heartbeat-runs/${id}/log?follow=true`, { accept: 'text/event-stream' })
  // The run has ended, and nothing of its log is left to read.
  if (answer.status === 204) return 'ended'
  for await (const event of eventsOf(answer)) {
    if (event.name === 'ended') return valueOf<{ status: string }>(event).status
    await writePiece(io, valueOf<LogPiece>(event))
  }
  return null
}

async function readLog(io: Io, id: string): Promise<void> {
  let offset: number | undefined = 0
  while (offset !== undefined) {
    const piece: LogPiece = await io.client().get<LogPiece>(`/heartbeat-runs/${id}/log?offset=${offset}`)
    await writePiece(io, piece)
    // One that does not go on is none of this server, and there would be no end.
    offset = piece.nextOffset !== undefined && piece.nextOffset > offset ? piece.nextOffset : undefined
  }
}

const runLog = command({
  name: 'runs log',
  summary: 'Print the log of a run',
  details:
    'Control characters are replaced, so that the output of an agent cannot act on the terminal. With --json each line is a piece of the log as it is ' +
    'stored: {ts, stream, chunk}.',
  example: ['paperclip-server runs log 0197f0c2-7c1e-7b52-9d55-2b1f0f5f6a10 --follow'],
  options: z.object({ ...runOption, follow: z.boolean().default(false).describe('go on until the run has ended') }),
  positionals: ['run'],
  streams: 'lines',
  run: async (io, { run: id, follow }) => {
    if (!follow) {
      await readLog(io, id)
      return {}
    }
    const status = await followLog(io, id)
    if (status === null)
      throw commandProblem(EXIT.unreachable, {
        message: 'The server ended the stream before the run had ended',
        next: 'run the command again',
      })
    if (!io.json) io.note(sentence`The run is ${status}.`)
    else await io.writeJson(`${safeJson({ status })}\n`)
    return {}
  },
})

export const runCommands = [listRuns, showRun, cancelRun, runLog]
