// The chapters of the document, in the order of a tour through the server.

export const tags = {
  Instance:
    'Whether the server answers, who the caller is, and the settings of the instance. Begin here: `GET /api/health`, then `GET /api/whoami`.',
  People:
    'People who sign in, their sessions, and who administers the instance. On a server in the mode `local_trusted` there is no sign-in.',
  Companies: 'A company is a tenant: every row belongs to one, and no request crosses the border.',
  Agents: 'An agent is a program that does work. It has a configuration, a manager, a status and API keys.',
  Skills:
    'Texts that agents follow: skills of a company and of this server, instructions of an agent as files, and what a model has to know to configure one.',
  Planning: 'Goals, projects with their workspaces, and labels: what issues are for, and where the work on them runs.',
  Issues: 'An issue is one task. Agents and people create, change and comment on issues.',
  Holds:
    'A run holds an issue while it works on it: at most one live run at a time. A checkout takes the hold, a release gives it back, and a force-release ends it permanently.',
  Runs: 'A run is one execution of an agent, from `queued` to a terminal status. A run is live while its lease has not expired.',
  Results: 'What the work on an issue leaves: documents, attachments and work products.',
  Questions: 'Questions that an agent asks people in the thread of an issue: confirmations, choices and suggested tasks.',
  Approvals: 'Requests that the board decides once; the effect commits with the decision.',
  Routines: 'Work that comes back: a schedule, a webhook or a request makes an issue and wakes its assignee.',
  Inbox: 'What waits for an agent or a person, and the marks that a person sets on it.',
  Budgets:
    'Reports of what was spent, and the limits of it: a run reserves what it may cost, and a hard limit that is crossed stops what it is about.',
  Costs: 'What agents spent, by cost events and their sums, and the money that no run spent. Amounts are whole cents.',
  Secrets: 'Values that agents need and that are never shown. A configuration names a secret, and a run gets its value when it starts.',
  Webhooks:
    'URLs to which this server sends the events of a company, in their order and signed as Standard Webhooks has it. What a receiver refuses is sent again for a day, and later events wait.',
  Audit: 'What happened: audit rows, the stream of events, the hash chain over them, and the numbers of a company.',
  Feedback: 'Votes of the board on comments and documents, and the traces that are kept of them.',
  Packages: 'A company as a package of text files: export, preview, import.',
} as const

export type Tag = keyof typeof tags
