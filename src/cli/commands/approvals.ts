import { z } from 'zod'
import type { approvalDetailView, approvalView } from '../../control/approvals/views.ts'
import { approvalStatus } from '../../model/approvalStatus.ts'
import { command } from '../command.ts'
import type { Command } from '../command.ts'
import type { Io } from '../io.ts'
import { EXIT } from '../problem.ts'
import { safeJson, sentence } from '../screen.ts'
import { agentNamesOf, companyIdOf, companyOption, limitOption, withQuery, yesOption } from '../subject.ts'
import { ago, fields, table } from '../table.ts'

type Approval = z.output<typeof approvalView>
type ApprovalDetail = z.output<typeof approvalDetailView>

const approvalOption = { approval: z.uuid().describe('the id of the approval') }

const listApprovals = command({
  name: 'approvals ls',
  summary: 'List what waits for a decision of the board, or was decided',
  example: 'paperclip-server approvals ls --status pending',
  options: z.object({
    ...companyOption,
    status: z.enum(approvalStatus.statuses).optional().describe('only those of a status'),
    ...limitOption(),
  }),
  run: async (io, { company, status, limit }) => {
    const companyId = await companyIdOf(io, company)
    const approvals = await io.client().list<Approval>(withQuery(`/companies/${companyId}/approvals`, { status }), limit)
    if (io.json) return { data: approvals }
    const nameOf = await agentNamesOf(io, companyId)
    const text = table(
      io.screen,
      approvals,
      [
        { title: 'approval', value: ({ id }) => id },
        { title: 'status', value: (each) => (each.status === 'pending' ? { text: each.status, tone: 'warning' } : each.status) },
        { title: 'type', value: ({ type }) => type },
        {
          title: 'asked by',
          value: ({ requestedByAgentId, requestedByUserId }) => nameOf(requestedByAgentId) ?? requestedByUserId,
          gives: true,
        },
        { title: 'asked', value: ({ createdAt }) => ago(createdAt, io.now()) },
        { title: 'decided', value: ({ decidedAt }) => ago(decidedAt, io.now()) },
      ],
      'There is no such approval.',
    )
    return { data: approvals, text }
  },
})

/** An approval with all that a decision is about. Nothing of the payload is cut: the board decides about what it has read. */
async function textOfApproval(io: Io, approval: ApprovalDetail): Promise<string> {
  const nameOf = await agentNamesOf(io, approval.companyId)
  const shown = (value: unknown): string | null => (value === null || value === undefined ? null : safeJson(value, 2))
  return fields(io.screen, [
    ['approval', approval.id],
    ['status', approval.status],
    ['type', approval.type],
    ['asked by', nameOf(approval.requestedByAgentId) ?? approval.requestedByUserId],
    ['asked', approval.createdAt],
    ['decided', approval.decidedAt],
    ['note', approval.decisionNote],
    ['payload', shown(approval.payload)],
    ['would result in', shown(approval.resultingConfiguration)],
    ['look at', (approval.warnings ?? []).map((warning) => safeJson(warning)).join('\n')],
    ['hash', approval.payloadHash],
  ])
}

const showApproval = command({
  name: 'approvals show',
  summary: 'Show what an approval is about, with all that it would lead to',
  example: 'paperclip-server approvals show 0197f0c2-7c1e-7b52-9d55-2b1f0f5f6a10',
  options: z.object(approvalOption),
  positionals: ['approval'],
  run: async (io, { approval: id }) => {
    const approval = await io.client().get<ApprovalDetail>(`/approvals/${id}`)
    return { data: approval, text: await textOfApproval(io, approval) }
  },
})

const decide = (verb: 'approve' | 'reject', summary: string): Command =>
  command({
    name: `approvals ${verb}`,
    summary,
    details:
      'It shows the approval and asks. The decision is about the version that was shown: the server refuses it when the payload or its result has ' +
      'changed meanwhile. A script gives the hash that it has read with approvals show.',
    example: [
      `paperclip-server approvals ${verb} 0197f0c2-7c1e-7b52-9d55-2b1f0f5f6a10`,
      `paperclip-server approvals ${verb} 0197f0c2-7c1e-7b52-9d55-2b1f0f5f6a10 --hash HASH --note "as discussed" --yes`,
    ],
    options: z.object({
      ...approvalOption,
      note: z.string().max(20_000).optional().describe('the note of the decision'),
      hash: z.string().min(1).optional().describe('the hash of what was read; without it that of what is shown now'),
      ...yesOption,
    }),
    positionals: ['approval'],
    run: async (io, { approval: id, note, hash, yes }) => {
      const client = io.client()
      const shown = await client.get<ApprovalDetail>(`/approvals/${id}`)
      if (!io.json && !yes) io.note(await textOfApproval(io, shown))
      if (!(await io.confirm(verb === 'approve' ? 'Approve it?' : 'Reject it?', yes)))
        return { data: shown, text: 'Nothing was changed.', exit: EXIT.usage }
      const payloadHash = hash ?? shown.payloadHash
      const decided = await client.post<ApprovalDetail>(`/approvals/${id}/${verb}`, {
        decisionNote: note ?? null,
        ...(payloadHash === undefined ? {} : { payloadHash }),
      })
      return { data: decided, text: sentence`The approval is ${decided.status}.` }
    },
  })

export const approvalCommands = [
  listApprovals,
  showApproval,
  decide('approve', 'Approve a request, with its effect'),
  decide('reject', 'Reject a request; an agent to be hired is terminated'),
]
