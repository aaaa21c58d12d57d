// The one ordered list of the rooms of `src/`. The import rules of `.oxlintrc.json` and the picture in
// doc/ARCHITECTURE.md are made from it (`npm run docs`), and a test compares them.

/** A folder of `src/` with one job. */
export interface Room {
  /** Its path below `src/`. */
  readonly path: string
  /** One sentence for the map: what it holds. */
  readonly holds: string
  /** Other rooms may import any of its files; without it they import its `index.ts` and nothing else. */
  readonly open?: true
  /** Rooms it may import although more stand before it. Left out: every room before it. */
  readonly only?: readonly string[]
}

/** Every room, from the ground up: a room imports rooms that stand before it in this list, never one behind it. */
export const rooms: readonly Room[] = [
  { path: 'platform/kernel', open: true, holds: 'refusals, state machines, events, pages, instants, the log: no database, no HTTP' },
  {
    path: 'platform/cron',
    only: ['platform/kernel'],
    holds: 'the next time of a cron expression in a zone, as a pure function: no timer, no clock',
  },
  { path: 'platform/home', open: true, holds: 'secrets that the server makes once and keeps in its home' },
  {
    path: 'platform/embedded',
    only: ['platform/home'],
    holds: 'the embedded Postgres: start, supervise, stop; knows nothing of this program but where its passwords are kept',
  },
  {
    path: 'platform/db',
    open: true,
    holds: '`mutate`, named statements, the order of locks, idempotency, migrations; `driver/` is the only place that knows `pg`',
  },
  {
    path: 'model',
    open: true,
    holds: 'tables and state machines, a pair for each noun, with the predicates that decide on them in SQL and TypeScript',
  },
  {
    path: 'auth',
    open: true,
    holds: 'who asks (`identify`), who may ask (`permissions`), about which row (`scopes`), and whether the acting run is live',
  },
  { path: 'http', open: true, holds: 'how a route is declared, mounted and documented; bodies, headers, problems' },
  {
    path: 'adapters',
    only: ['platform/kernel', 'model'],
    holds: 'how agents are run: child processes, command lines, HTTP; knows no database',
  },
  { path: 'org/companies', holds: 'companies' },
  { path: 'org/vault', holds: 'the keys that seal the values which are never shown, and the master key that wraps them' },
  {
    path: 'org/secrets',
    holds: 'secrets: their versions and providers, the references to them in configurations, and what a run is given of them',
  },
  {
    path: 'org/people',
    holds: 'people: their accounts, sessions and companies; the only place that knows better-auth and the OpenID provider',
  },
  { path: 'org/members', holds: 'the members of a company: their roles and what they were granted' },
  { path: 'org/agents', holds: 'agents, their keys, their configuration and its revisions' },
  { path: 'org/instructions', holds: 'the instructions of an agent, as files' },
  { path: 'org/skills', holds: 'skills of a company and of this server, and the texts for models' },
  { path: 'org/invites', holds: 'invitations to a company, and requests of people and agents to join it' },
  { path: 'org/cliLogins', holds: 'the login of command lines, and the keys with which they act for a person' },
  { path: 'org/boardClaims', holds: 'the claim of an instance that has no administrator, by a URL that its server prints' },
  {
    path: 'org/peoplePages',
    holds: 'the pages on which people sign in, accept an invitation, let a command line in and claim the instance',
  },
  { path: 'org/chart', holds: 'the organisation chart: who reports to whom, as a tree and as a drawing' },
  { path: 'org/labels', holds: 'labels' },
  { path: 'org/goals', holds: 'goals' },
  { path: 'org/projects', holds: 'projects and their workspaces' },
  { path: 'engine/runs', holds: 'a run: its row, its lease, its log, its result' },
  { path: 'engine/wakes', holds: 'a wake: the reason why an agent is to run, and how it waits, joins another, or is queued' },
  { path: 'engine/approvals', holds: 'the row of an approval, for rooms that must ask for one' },
  { path: 'engine/budgets', holds: 'budgets: what a run reserves, what an event charges, and the incident of a threshold' },
  { path: 'engine/costs', holds: 'what agents spend: the record of an event, the prices of models, the usage of a run' },
  {
    path: 'engine/holds',
    holds: 'holding an issue: facts read under the lock, pure rules, the only writer of the lock columns, the end of runs',
  },
  { path: 'work/interactionExpiry', holds: 'the end of pending questions when what they are about changes' },
  { path: 'work/issues', holds: 'issues, comments, relations, the inbox' },
  { path: 'work/documents', holds: 'documents of issues and their revisions' },
  { path: 'work/files', holds: 'attachments and images: storage, recognition of types, cleaning of drawings' },
  { path: 'work/workProducts', holds: 'work products of issues' },
  { path: 'work/feedback', holds: 'votes on comments and documents' },
  { path: 'work/interactions', holds: 'questions that an agent asks people about an issue, and their answers' },
  { path: 'control/checkout', holds: 'taking and returning an issue: checkout, claim, release, force-release, the list of holds' },
  { path: 'control/dispatch', holds: 'which queued run may start, and the transaction that starts it' },
  { path: 'control/execution', holds: 'the life of a run: open, heartbeat, finish, cancel, and what is read of it' },
  {
    path: 'control/workspaces',
    holds: 'worktrees of git in which runs of a project work: who has one, how it is made, and how it is closed',
  },
  {
    path: 'control/routines',
    holds: 'work that comes back: routines, what triggers them, their runs, and the task that fires what is due',
  },
  {
    path: 'control/lifecycle',
    holds: 'pause, resume, terminate and delete an agent; archive and delete a company; delete a goal, a project or a label',
  },
  { path: 'control/costs', holds: 'what was spent: the sums of cost events, and the money that no run spent' },
  {
    path: 'control/budgets',
    holds: 'the limits of what may be spent: policies, incidents, the stop of what a limit covers, and its end',
  },
  { path: 'control/stalled', holds: 'work that stands still: why, since when, and the task that wakes it' },
  { path: 'control/wakeups', holds: 'a wake that a request asks for: invoke and wakeup' },
  { path: 'control/approvals', holds: 'approvals: request, decide, and the effect that commits with the decision' },
  { path: 'control/portability', holds: 'a company as a package of text files, exported and imported' },
  { path: 'observe/activity', holds: 'reading the audit log; the dashboard' },
  { path: 'observe/audit', holds: 'the audit chain: sealing, verification, heads kept outside the database' },
  { path: 'observe/instance', holds: 'health, settings and the caller’s own identity' },
  { path: 'observe/events', holds: 'committed events in their order, as event streams and over the WebSocket' },
  { path: 'observe/webhooks', holds: 'endpoints to which the events of a company are sent, in order, by any server' },
  { path: 'observe/consolePages', holds: 'the built files of the console, served below `/console/`' },
  { path: 'observe/support', holds: 'what an operator sends to those who help: facts about a server without texts, names or keys' },
  { path: 'observe/traces', only: ['platform/kernel'], holds: 'sends the spans of this process to a collector of OpenTelemetry' },
  { path: 'observe/metrics', holds: '`/metrics`: what this process counts and what the database is asked for' },
  { path: 'moveover', holds: 'moving companies here from the database of a Paperclip server: reading it, and writing in bounded batches' },
  { path: 'scheduler', holds: 'work in the background: dispatcher, supervisor, timers, reaper, orphans, retention' },
  { path: 'backup', holds: 'backups of the whole instance: written, verified, restored; the journal of revocations beside the database' },
  {
    path: 'doctor',
    holds: 'the faults of an installation: what is asked of the host and the database, what each means, and what mends it',
  },
  {
    path: 'launch',
    open: true,
    only: [],
    holds: 'the start from one bundle of the sources, and the build of the console; JavaScript that imports none of them',
  },
  { path: 'server', open: true, holds: 'configuration, start and stop of the process, the list of all routes and events' },
  { path: 'client', open: true, only: [], holds: 'the typed client of the API in the package, for programs of others' },
  { path: 'cli', open: true, holds: 'the command `paperclip-server`: its declarations, its output, its client of a running server' },
  {
    path: 'testing',
    open: true,
    holds: 'the test kit of the package: servers for tests of agents, with faults and a clock; no program file imports it',
  },
]

export const DRIVER = ['pg', 'pg/**']
export const ONLY_DRIVER = 'Only platform/db/driver imports pg.'

/** How the imports of one room name another: by its path below `src/`, or by its name from beside it in the same wing. */
const specifiers = (from: Room, to: Room): string[] => {
  const [wing, name] = to.path.split('/')
  const beside = name !== undefined && from.path.startsWith(`${wing}/`) ? [`../${name}/**`, `../../${name}/**`] : []
  return [`**/${to.path}/**`, ...beside]
}

export const refuseImports = (files: readonly string[], group: readonly string[], message: string): object => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] },
})

/** The import patterns that are refused in a room. A later pattern with `!` allows again what an earlier one refuses. */
export function refusedIn(room: Room): string[] {
  const place = rooms.indexOf(room)
  const isReachable = (other: Room): boolean => rooms.indexOf(other) < place && (room.only === undefined || room.only.includes(other.path))
  return rooms
    .filter((other) => other !== room)
    .flatMap((other) => {
      const refused = specifiers(room, other)
      if (!isReachable(other)) return refused
      if (other.open === true || room.path === 'server' || room.path === 'cli') return []
      return [...refused, ...refused.map((pattern) => `!${pattern.slice(0, -'**'.length)}index.ts`)]
    })
}
