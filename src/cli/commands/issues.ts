import { z } from 'zod'
import type { commentView, issueDetail, issueListItem, issueView } from '../../work/issues/views.ts'
import type { whyView } from '../../control/stalled/views.ts'
import { issuePriorities, issueStatus } from '../../model/issueStatus.ts'
import { command } from '../command.ts'
import { readFileAtMost } from '../inputFile.ts'
import type { Io } from '../io.ts'
import { usageProblem } from '../problem.ts'
import { sentence } from '../screen.ts'
import { agentIdOf, agentNamesOf, companyIdOf, companyOption, limitOption, withQuery } from '../subject.ts'
import { ago, fields, table } from '../table.ts'

type Issue = z.output<typeof issueListItem>
type IssueDetail = z.output<typeof issueDetail>
type Comment = z.output<typeof commentView>
type Why = z.output<typeof whyView>

const issueOption = { issue: z.string().min(1).describe('the issue, by identifier or id') }
/** The comments that `issues show` prints. */
const SHOWN_COMMENTS = 10
/** The server refuses larger bodies. */
const MAX_TEXT_BYTES = 256 * 1024

/** A text from an option, from a file, or from the standard input when the option is `-`. */
async function textOf(io: Io, given: string | undefined, file: string | undefined, name: string): Promise<string | undefined> {
  if (given !== undefined && file !== undefined) throw usageProblem(`Give --${name} or --${name}-file, not both`)
  if (file === '-') return await io.readInput(MAX_TEXT_BYTES)
  return file === undefined ? given : await readFileAtMost(file, MAX_TEXT_BYTES, `${name}-file`)
}

const listIssues = command({
  name: 'issues ls',
  summary: 'List issues of a company',
  example: ['paperclip-server issues ls --status todo,in_progress', 'paperclip-server issues ls --assignee scribe --json'],
  options: z.object({
    ...companyOption,
    status: z
      .string()
      .optional()
      .describe(`only those of a status, or of several with commas: ${issueStatus.statuses.join(', ')}`),
    assignee: z.string().min(1).optional().describe('only those of an agent, by name or id'),
    ...limitOption(),
  }),
  run: async (io, { company, status, assignee, limit }) => {
    const companyId = await companyIdOf(io, company)
    const assigneeAgentId = assignee === undefined ? undefined : await agentIdOf(io, assignee, companyId)
    const issues = await io.client().list<Issue>(withQuery(`/companies/${companyId}/issues`, { status, assigneeAgentId }), limit)
    if (io.json) return { data: issues }
    const nameOf = await agentNamesOf(io, companyId)
    const text = table(
      io.screen,
      issues,
      [
        { title: 'issue', value: ({ identifier }) => identifier },
        { title: 'status', value: (issue) => issue.status },
        { title: 'priority', value: ({ priority }) => priority },
        { title: 'assignee', value: ({ assigneeAgentId: id, assigneeUserId }) => nameOf(id) ?? assigneeUserId, gives: true },
        { title: 'run', value: ({ activeRun }) => activeRun?.status },
        { title: 'last act', value: ({ lastActivityAt }) => ago(lastActivityAt, io.now()) },
        { title: 'title', value: ({ title }) => title, gives: true },
      ],
      'There is no such issue.',
    )
    return { data: issues, text }
  },
})

const showIssue = command({
  name: 'issues show',
  summary: 'Show one issue, why its work goes on or does not, and its last comments',
  example: 'paperclip-server issues show ACME-12',
  options: z.object(issueOption),
  positionals: ['issue'],
  run: async (io, { issue: asked }) => {
    const client = io.client()
    const path = `/issues/${encodeURIComponent(asked)}`
    const issue = await client.get<IssueDetail>(path)
    const why = await client.get<Why>(`/issues/${issue.id}/why`)
    const comments = await client.list<Comment>(`/issues/${issue.id}/comments`, SHOWN_COMMENTS)
    const nameOf = await agentNamesOf(io, issue.companyId)
    const text = fields(io.screen, [
      ['issue', sentence`${issue.identifier} ${issue.title}`],
      ['id', issue.id],
      ['status', issue.status],
      ['priority', issue.priority],
      ['assignee', nameOf(issue.assigneeAgentId) ?? issue.assigneeUserId],
      ['why', `${why.why.replaceAll('_', ' ')}, since ${ago(why.since, io.now())}`],
      ['what to do', why.act],
      ['blocked by', issue.blockedBy.map(({ identifier }) => identifier).join(', ')],
      ['description', issue.description],
    ])
    const said = fields(
      io.screen,
      comments
        .toReversed()
        .map(({ authorAgentId, authorUserId, body, createdAt }) => [
          `${nameOf(authorAgentId) ?? authorUserId ?? 'system'}, ${ago(createdAt, io.now())}`,
          body,
        ]),
    )
    return { data: { ...issue, why, comments }, text: said === '' ? text : `${text}\n\n${said}` }
  },
})

const createIssue = command({
  name: 'issues create',
  summary: 'Create an issue, and wake its assignee when it is to be done',
  example: [
    'paperclip-server issues create --title "Answer the mail of Monday" --assignee scribe --status todo',
    'paperclip-server issues create --title "Survey" --description-file - < survey.md',
  ],
  options: z.object({
    ...companyOption,
    title: z.string().min(1).describe('one line'),
    description: z.string().optional().describe('the text of the issue'),
    descriptionFile: z.string().optional().describe('a file with the text; - reads the standard input'),
    status: z.enum(issueStatus.statuses).default('backlog').describe('where it begins; an agent is woken for todo'),
    priority: z.enum(issuePriorities).optional().describe('its priority'),
    assignee: z.string().min(1).optional().describe('the agent that is to do it, by name or id'),
    parent: z.string().min(1).optional().describe('the issue above it, by identifier or id'),
  }),
  run: async (io, { company, title, description, descriptionFile, status, priority, assignee, parent }) => {
    const client = io.client()
    const companyId = await companyIdOf(io, company)
    const text = await textOf(io, description, descriptionFile, 'description')
    const above = parent === undefined ? null : await client.get<{ id: string }>(`/issues/${encodeURIComponent(parent)}`)
    const issue = await client.post<z.output<typeof issueView>>(`/companies/${companyId}/issues`, {
      title,
      status,
      ...(text === undefined ? {} : { description: text }),
      ...(priority === undefined ? {} : { priority }),
      ...(assignee === undefined ? {} : { assigneeAgentId: await agentIdOf(io, assignee, companyId) }),
      ...(above === null ? {} : { parentId: above.id }),
    })
    return { data: issue, text: sentence`${issue.identifier} is ${issue.status}.` }
  },
})

const commentOnIssue = command({
  name: 'issues comment',
  summary: 'Comment on an issue, which wakes its assignee',
  example: [
    'paperclip-server issues comment ACME-12 --body "Please look at the numbers again"',
    'git diff | paperclip-server issues comment ACME-12 --body-file -',
  ],
  options: z.object({
    ...issueOption,
    body: z.string().optional().describe('the comment'),
    bodyFile: z.string().optional().describe('a file with the comment; - reads the standard input'),
    reopen: z.boolean().default(false).describe('reopen the issue if it is closed'),
  }),
  positionals: ['issue'],
  run: async (io, { issue, body, bodyFile, reopen }) => {
    const text = await textOf(io, body, bodyFile, 'body')
    if (text === undefined) throw usageProblem('issues comment needs --body or --body-file')
    const comment = await io
      .client()
      .post<Comment>(`/issues/${encodeURIComponent(issue)}/comments`, { body: text, ...(reopen ? { reopen } : {}) })
    return { data: comment, text: 'The comment is there.' }
  },
})

export const issueCommands = [listIssues, showIssue, createIssue, commentOnIssue]
