import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { verificationView } from '../../observe/audit/views.ts'
import type { activityView } from '../../observe/activity/views.ts'
import type { eventView } from '../../observe/events/views.ts'
import { command } from '../command.ts'
import type { Io } from '../io.ts'
import { commandProblem, EXIT, interruptedBy, interruptedWith, usageProblem } from '../problem.ts'
import { safeJson, sentence, toned } from '../screen.ts'
import { eventsOf, valueOf } from '../serverEvents.ts'
import { companyIdOf, companyOption, limitOption, withQuery } from '../subject.ts'
import { fields } from '../table.ts'

type Activity = z.output<typeof activityView>
type StreamEvent = z.output<typeof eventView>
type Verification = z.output<typeof verificationView>

const instanceOption = { instance: z.boolean().default(false).describe('the rows of the instance, which belong to no company') }

/** The path below which the audit rows of a company, or of the instance, stand. */
const pathOf = async (io: Io, company: string | undefined, instance: boolean): Promise<string> =>
  instance ? '/instance/activity' : `/companies/${await companyIdOf(io, company)}/activity`

type Row = Omit<Activity, 'companyId'>

/** One row as a line, cut by nothing: `grep` reads it too. */
const lineOf = (io: Io, { createdAt, seq, action, entityType, entityId, actorType, actorId, details }: Row): string => {
  const what = details === null || Object.keys(details).length === 0 ? '' : ` ${toned(io.screen, 'quiet', safeJson(details))}`
  return sentence`${createdAt} ${seq} ${action} ${entityType} ${entityId} by ${actorType} ${actorId}` + what
}

const writeRow = async (io: Io, row: Row): Promise<void> =>
  io.json ? await io.writeJson(`${safeJson(row)}\n`) : await io.write(`${lineOf(io, row)}\n`)

/** How often a stream is opened anew after it was cut, before the command gives up. */
const MAX_RECONNECTS = 5
/** The wait before that. A server that ends every stream must not be asked without a pause. */
const RECONNECT_MS = 500

interface Following {
  readonly companyId: string
  /** The numbers of rows that were printed before the first event arrived. */
  readonly printed: ReadonlySet<number>
  readonly isWanted: (row: Row) => boolean
}

const openStream = async (io: Io, companyId: string, after?: string): Promise<Response> =>
  await io.client().open(withQuery(`/companies/${companyId}/events/stream`, { after }), { accept: 'text/event-stream' })

/** Prints the committed rows of a company in their order. A cut stream goes on behind the last row that was printed. */
async function follow(io: Io, first: Response, { companyId, printed, isWanted }: Following): Promise<void> {
  let cursor: string | undefined
  let answer = first
  for (let failures = 0; failures < MAX_RECONNECTS && !io.signal.aborted; failures += 1) {
    try {
      for await (const event of eventsOf(answer)) {
        failures = 0
        if (event.id !== '') cursor = event.id
        const message = valueOf<StreamEvent>(event)
        if (message.type !== 'activity.logged' || printed.has(message.payload.seq)) continue
        const row = { ...message.payload, createdAt: message.createdAt }
        if (isWanted(row)) await writeRow(io, row)
      }
    } catch (error) {
      // The connection was cut.
      if (!(error instanceof TypeError)) throw error
    }
    io.signal.throwIfAborted()
    await sleep(RECONNECT_MS, undefined, { signal: io.signal })
    answer = await openStream(io, companyId, cursor)
  }
  io.signal.throwIfAborted()
  throw commandProblem(EXIT.unreachable, { message: 'The server ended the stream', next: 'run the command again' })
}

const tailActivity = command({
  name: 'activity tail',
  summary: 'Print the last audit rows of a company, and go on with --follow',
  details: 'One row in each line: when, number, what, about which row, by whom, and its details as JSON.',
  example: [
    'paperclip-server activity tail --follow',
    'paperclip-server activity tail --interventions --limit 20',
    'paperclip-server activity tail --json | jq .action',
  ],
  options: z.object({
    ...companyOption,
    ...instanceOption,
    follow: z.boolean().default(false).describe('go on with what happens next; not with --instance'),
    action: z.string().optional().describe('only these actions, with commas between them'),
    agent: z.uuid().optional().describe('only what an agent did, by its id'),
    interventions: z.boolean().default(false).describe('only what people did to the work of agents'),
    since: z.string().optional().describe('only rows from an instant or a day on'),
    ...limitOption(),
  }),
  streams: 'lines',
  run: async (io, { company, instance, follow: goesOn, limit, action, agent, interventions, since }) => {
    if (goesOn && (instance || interventions)) throw usageProblem('--follow goes neither with --instance nor with --interventions')
    const path = await pathOf(io, company, instance)
    const filter = { action, agentId: agent, since, ...(interventions ? { interventions } : {}) }
    // Opened before the list is read, or a row of between would be in neither.
    const companyId = goesOn ? await companyIdOf(io, company) : ''
    const stream = goesOn ? await openStream(io, companyId) : null
    const rows = await io.client().list<Activity>(withQuery(path, filter), limit)
    for (const row of rows.toReversed()) await writeRow(io, row)
    if (stream === null) return {}
    const actions = action?.split(',').map((name) => name.trim())
    const isWanted = (row: Row): boolean => (actions?.includes(row.action) ?? true) && (agent === undefined || row.agentId === agent)
    await follow(io, stream, { companyId, printed: new Set(rows.map(({ seq }) => seq)), isWanted })
    return {}
  },
})

const verifyActivity = command({
  name: 'activity verify',
  summary: 'Recompute the chain over the audit rows, and name the first broken one',
  details: 'The exit code is 1 when a row was changed, removed or put in, or the heads that are kept outside the database disagree.',
  example: ['paperclip-server activity verify --company ACME', 'paperclip-server activity verify --instance --json'],
  options: z.object({ ...companyOption, ...instanceOption, since: z.string().optional().describe('only rows from an instant on') }),
  run: async (io, { company, instance, since }) => {
    const path = withQuery(`${await pathOf(io, company, instance)}/verify`, { since })
    const result = await io
      .client()
      .get<Verification>(path)
      .catch((error: unknown) => {
        if (interruptedBy(io.signal) === null) throw error
        throw interruptedWith('the chain was not verified to its end')
      })
    const { ok, firstBroken, witness } = result
    const text = fields(io.screen, [
      ['chain', ok ? { text: 'unbroken', tone: 'good' } : { text: 'broken', tone: 'bad' }],
      ['sealed rows', result.sealedRows],
      ['unsealed rows', result.unsealedRows],
      ['checked', `${result.checked.from} to ${result.checked.to}`],
      ['head', `${result.head.position} ${result.head.hash}`],
      ['heads outside', result.notedHeads],
      ['witness', witness.ok ? { text: 'agrees', tone: 'good' } : { text: witness.problem ?? 'disagrees', tone: 'bad' }],
      ...(firstBroken === null
        ? []
        : ([
            [
              'first broken',
              `position ${firstBroken.position}: ${firstBroken.kind}${firstBroken.action === null ? '' : ` (${firstBroken.action})`}`,
            ],
          ] as const)),
    ])
    return { data: result, text, exit: ok && witness.ok ? EXIT.done : EXIT.bad }
  },
})

const exportActivity = command({
  name: 'activity export',
  summary: 'Print the sealed audit rows with their hashes and the signed head, as lines of JSON',
  details: 'The last line has the signed head. What is printed can be verified without this server.',
  example: 'paperclip-server activity export --company ACME > audit.ndjson',
  options: z.object({
    ...companyOption,
    ...instanceOption,
    from: z.coerce.number().int().min(1).optional().describe('the position to begin with'),
  }),
  streams: 'whole',
  run: async (io, { company, instance, from }) => {
    const answer = await io.client().open(withQuery(`${await pathOf(io, company, instance)}/export`, { from }))
    const decoder = new TextDecoder()
    let last = ''
    try {
      for await (const bytes of answer.body ?? []) {
        const piece = decoder.decode(bytes as Uint8Array, { stream: true })
        last = `${last}${piece}`.slice(-64 * 1024)
        await io.writeJson(piece)
      }
    } catch (error) {
      if (interruptedBy(io.signal) !== null) throw interruptedWith('the export is cut: its last line has no head')
      // The connection was cut.
      if (!(error instanceof TypeError)) throw error
    }
    // Without the head at its end an export has been cut, and proves nothing.
    const isWhole = last.endsWith('\n') && last.trimEnd().split('\n').at(-1)?.startsWith('{"head"') === true
    if (isWhole) return {}
    throw commandProblem(EXIT.unreachable, { message: 'The export was cut: its last line has no head', next: 'run the command again' })
  },
})

export const activityCommands = [tailActivity, verifyActivity, exportActivity]
