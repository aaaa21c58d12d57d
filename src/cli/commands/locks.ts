import { z } from 'zod'
import type { forceReleasedView, holdDetailView, holdView } from '../../control/checkout/views.ts'
import { command } from '../command.ts'
import { EXIT } from '../problem.ts'
import type { Io } from '../io.ts'
import { sentence } from '../screen.ts'
import { agentNamesOf, companyIdOf, companyOption, limitOption, reasonOption, withQuery, yesOption } from '../subject.ts'
import { ago, fields, table } from '../table.ts'
import type { Cell } from '../table.ts'

type Hold = z.output<typeof holdView>
type HoldDetail = z.output<typeof holdDetailView>
type Released = z.output<typeof forceReleasedView>

const stateOf = ({ live, holder }: Pick<Hold, 'live' | 'holder'>): Cell => {
  if (live) return { text: 'live', tone: 'good' }
  return holder === null ? 'free' : { text: 'dead', tone: 'warning' }
}

const listLocks = command({
  name: 'locks ls',
  summary: 'List which run holds which issue',
  example: ['paperclip-server locks ls', 'paperclip-server locks ls --company ACME --state dead --json'],
  options: z.object({
    ...companyOption,
    state: z.enum(['live', 'dead', 'all']).default('all').describe('which of them'),
    ...limitOption(),
  }),
  run: async (io, { company, state, limit }) => {
    const companyId = await companyIdOf(io, company)
    const holds = await io.client().list<Hold>(withQuery(`/companies/${companyId}/locks`, { state }), limit)
    const text = table(
      io.screen,
      holds,
      [
        { title: 'issue', value: ({ identifier }) => identifier },
        { title: 'state', value: stateOf },
        { title: 'holder', value: ({ holder }) => holder?.agentName, gives: true },
        { title: 'run', value: ({ holder }) => holder?.runId },
        { title: 'held', value: ({ heldSince }) => ago(heldSince, io.now()) },
        { title: 'lease ends', value: ({ holder }) => ago(holder?.leaseExpiresAt, io.now()) },
        { title: 'waiting', value: ({ waitingWakes }) => waitingWakes },
        { title: 'title', value: ({ title }) => title, gives: true },
      ],
      'No issue is held.',
    )
    return { data: holds, text }
  },
})

const showLock = command({
  name: 'locks show',
  summary: 'Show who holds an issue, who waits for it, and its last holders',
  example: 'paperclip-server locks show ACME-12',
  options: z.object({ issue: z.string().min(1).describe('the issue, by identifier or id') }),
  positionals: ['issue'],
  run: async (io, { issue }) => {
    const hold = await io.client().get<HoldDetail>(`/issues/${encodeURIComponent(issue)}/lock`)
    const { holder } = hold
    const text = fields(io.screen, [
      ['issue', sentence`${hold.identifier} ${hold.title}`],
      ['status', hold.issueStatus],
      ['state', stateOf(hold)],
      ['holder', holder === null ? null : sentence`${holder.agentName}, run ${holder.runId} (${holder.status})`],
      ['held', ago(hold.heldSince, io.now())],
      ['last seen', ago(holder?.lastSeenAt, io.now())],
      ['lease ends', ago(holder?.leaseExpiresAt, io.now())],
      ['epoch', hold.lockEpoch],
      ['waiting', hold.waiting.map(({ agentName, since }) => sentence`${agentName} since ${ago(since, io.now())}`).join('\n')],
    ])
    const history = table(
      io.screen,
      hold.history,
      [
        { title: 'when', value: ({ at }) => ago(at, io.now()) },
        { title: 'what', value: ({ action }) => action },
        { title: 'by', value: ({ actorType, actorId }) => `${actorType} ${actorId}`, gives: true },
        { title: 'run', value: ({ runId }) => runId },
      ],
      'Nothing has happened to it yet.',
    )
    return { data: hold, text: `${text}\n\n${history}` }
  },
})

/** The effects of a release, in sentences. */
async function consequences(io: Io, { issue, evicted, cancelledRunIds, next }: Released, clearsAssignee: boolean): Promise<string[]> {
  const nameOf = await agentNamesOf(io, issue.companyId)
  const lines = evicted.map(
    ({ runId, agentId, live, status }) =>
      sentence`${nameOf(agentId) ?? agentId} loses the issue: its ${live ? 'live' : 'dead'} run ${runId} is ${status}`,
  )
  if (lines.length === 0) lines.push('No run holds the issue')
  for (const runId of cancelledRunIds) lines.push(sentence`The run ${runId} is cancelled`)
  if (clearsAssignee) lines.push('The issue has no assignee any more')
  if (next !== null) lines.push(sentence`${nameOf(next.agentId) ?? next.agentId} is woken for it`)
  return lines
}

const releaseLock = command({
  name: 'locks release',
  summary: 'End every hold on an issue permanently, as the board',
  details:
    'It first asks the server what the release would do, shows that, and asks. The release is refused when another run holds the issue by then. ' +
    'The run that held it learns so with its next request and cannot write to the issue any more.',
  example: [
    'paperclip-server locks release ACME-12 --reason "the agent loops" --dry-run',
    'paperclip-server locks release ACME-12 --reason "the agent loops" --cancel-run --yes',
  ],
  options: z.object({
    issue: z.string().min(1).describe('the issue, by identifier or id'),
    reason: reasonOption(true),
    clearAssignee: z.boolean().default(false).describe('also take the assignee off the issue'),
    cancelRun: z.boolean().default(false).describe('also cancel the run that holds it'),
    dryRun: z.boolean().default(false).describe('show what would happen, and change nothing'),
    ...yesOption,
  }),
  positionals: ['issue'],
  run: async (io, { issue, reason, clearAssignee, cancelRun, dryRun, yes }) => {
    const path = `/issues/${encodeURIComponent(issue)}/admin/force-release`
    const body = { reason, cancelRun }
    const preview = await io.client().post<Released>(withQuery(path, { clearAssignee, dryRun: true }), body)
    const { identifier, title } = preview.issue
    const would = (await consequences(io, preview, clearAssignee)).map((line) => `  ${line}`)
    const shown = [sentence`${identifier} ${title}`, ...would].join('\n')
    if (dryRun) return { data: { dryRun: true, ...preview }, text: shown }
    if (!io.json) io.note(shown)
    if (!(await io.confirm('Release it?', yes))) return { text: 'Nothing was changed.', exit: EXIT.usage, data: { released: false } }
    const expectedRunId = preview.evicted[0]?.runId
    const released = await io
      .client()
      .post<Released>(withQuery(path, { clearAssignee }), { ...body, ...(expectedRunId === undefined ? {} : { expectedRunId }) })
    return { data: { released: true, ...released }, text: sentence`${identifier} is released.` }
  },
})

export const lockCommands = [listLocks, showLock, releaseLock]
