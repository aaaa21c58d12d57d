// Why nothing happens on an issue, in one sentence with the one act that changes it.

import type { IssueDetail, Why } from '../../api/types.ts'
import type { Tone } from '../../parts/Status.tsx'

/** The act that changes a state: done here, or begun at another place. */
export type WhyAct =
  | { readonly kind: 'status'; readonly to: 'todo'; readonly words: string }
  | { readonly kind: 'focus'; readonly at: 'assignee' | 'status' | 'comment' | 'question'; readonly words: string }
  | { readonly kind: 'open'; readonly path: string; readonly words: string }

export interface WhySentence {
  readonly tone: Tone
  readonly sentence: string
  readonly act: WhyAct | null
}

/** Names that a sentence needs. */
export interface WhyNames {
  readonly agent: (agentId: string) => string
  readonly person: (userId: string) => string
}

type Facts = Pick<IssueDetail, 'status' | 'assigneeAgentId' | 'assigneeUserId' | 'projectId' | 'blockedBy'>

interface Subject {
  readonly why: Why
  readonly issue: Facts
  readonly agent: string
  readonly person: string
}

const because = (reason: string): string => `Nothing happens, because ${reason}.`
const openAgent = ({ issue }: Subject, words: string): WhyAct | null =>
  issue.assigneeAgentId === null ? null : { kind: 'open', path: `agents/${issue.assigneeAgentId}`, words }
const focus = (at: Extract<WhyAct, { kind: 'focus' }>['at'], words: string): WhyAct => ({ kind: 'focus', at, words })
const toTodo = (words: string): WhyAct => ({ kind: 'status', to: 'todo', words })
const stuck = (reason: string, act: WhyAct | null, tone: Tone = 'warn'): WhySentence => ({ tone, sentence: because(reason), act })

function held({ why, agent }: Subject): WhySentence {
  const act: WhyAct | null = why.holderRunId === null ? null : { kind: 'open', path: `runs/${why.holderRunId}`, words: 'Look at its run' }
  return { tone: 'busy', sentence: `${agent} works on it now.`, act }
}

function blocked({ why, issue }: Subject): WhySentence {
  const open = issue.blockedBy.filter(({ id }) => why.blockedByIssueIds.includes(id)).map(({ identifier }) => identifier)
  const [first] = open
  const names = open.length === 0 ? 'other issues' : open.join(', ')
  return stuck(`it waits for ${names}`, first === undefined ? null : { kind: 'open', path: `issues/${first}`, words: `Go to ${first}` })
}

const failureOf = ({ lastRun }: Why): string =>
  lastRun?.errorCode == null ? '' : `; its last run ended with ${lastRun.errorCode.replaceAll('_', ' ')}`

const sentences: Readonly<Record<Why['why'], (subject: Subject) => WhySentence>> = {
  held,
  wake_waits: (subject) => ({
    tone: 'busy',
    sentence: `A wake of ${subject.agent} waits for its turn.`,
    act: openAgent(subject, `Look at ${subject.agent}`),
  }),
  closed: ({ issue }) => ({
    tone: issue.status === 'done' ? 'good' : 'quiet',
    sentence: issue.status === 'done' ? 'The issue is done.' : 'The issue is cancelled.',
    act: toTodo('Reopen it'),
  }),
  unassigned: () => stuck('it is assigned to no agent', focus('assignee', 'Assign it')),
  assigned_to_person: ({ person }) => stuck(`it waits for ${person}`, focus('assignee', 'Assign an agent')),
  company_not_active: () => stuck('the company is not active', { kind: 'open', path: 'settings', words: 'Open the settings' }, 'bad'),
  agent_paused: (subject) => stuck(`${subject.agent} is paused`, openAgent(subject, `Resume ${subject.agent}`)),
  agent_quarantined: (subject) => stuck(`${subject.agent} is in quarantine`, openAgent(subject, `Look at ${subject.agent}`), 'bad'),
  agent_pending_approval: ({ agent }) =>
    stuck(`the hire of ${agent} is not decided`, { kind: 'open', path: 'approvals', words: 'Decide on it' }),
  agent_terminated: ({ agent }) => stuck(`${agent} is terminated`, focus('assignee', 'Assign another agent'), 'bad'),
  agent_error: (subject) =>
    stuck(`${subject.agent} has an error${failureOf(subject.why)}`, openAgent(subject, `Correct ${subject.agent}`), 'bad'),
  budget_exhausted: (subject) => stuck(`${subject.agent} has spent its budget`, openAgent(subject, 'Raise the budget'), 'bad'),
  project_paused: ({ issue }) =>
    stuck('its project is paused', { kind: 'open', path: `projects/${issue.projectId}`, words: 'Open the project' }),
  backlog: () => stuck('it is in the backlog', toTodo('Move it to todo'), 'quiet'),
  in_review: () => stuck('it waits for a review', focus('status', 'Review it')),
  blocked_by_issues: blocked,
  blocked: ({ agent }) => stuck(`${agent} reported that it is blocked`, toTodo('Move it to todo')),
  waits_for_answer: () => stuck('a question waits for an answer', focus('question', 'Answer it')),
  waits_for_decision: () => stuck('a linked approval waits for a decision', { kind: 'open', path: 'approvals', words: 'Decide on it' }),
  agent_not_woken_on_demand: (subject) => stuck(`${subject.agent} is woken by its timer only`, openAgent(subject, `Open ${subject.agent}`)),
  agent_runs_elsewhere: (subject) =>
    stuck(`${subject.agent} lives elsewhere and does not ask for work`, openAgent(subject, `Open ${subject.agent}`)),
  board_notified: ({ agent, why }) =>
    stuck(`${agent} was woken and did nothing${failureOf(why)}`, focus('comment', 'Write a comment'), 'bad'),
  stalled: ({ agent }) => ({ tone: 'warn', sentence: `Nothing happens at present. The server wakes ${agent} within a minute.`, act: null }),
}

/** The answer to "why does nothing happen?". */
export function whySentence(why: Why, issue: Facts, names: WhyNames): WhySentence {
  const agent = issue.assigneeAgentId === null ? 'An agent' : names.agent(issue.assigneeAgentId)
  const person = issue.assigneeUserId === null ? 'a person' : names.person(issue.assigneeUserId)
  return sentences[why.why]({ why, issue, agent, person })
}
