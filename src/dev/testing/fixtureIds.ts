import { randomUUID } from 'node:crypto'

/** The ids of the rows that one subject has. */
type SubjectIds = Readonly<Record<(typeof idNames)[number], string>>

const idNames = [
  'agent',
  'run',
  'issue',
  'comment',
  'key',
  'goal',
  'project',
  'workspace',
  'label',
  'approval',
  'spareApproval',
  'document',
  'revision',
  'latestRevision',
  'interaction',
  'configRevision',
  'workProduct',
  'vote',
  'trace',
  'attachment',
  'asset',
  'person',
  'otherSession',
  'memberPerson',
  'member',
  'invite',
  'joinRequest',
  'challenge',
  'boardClaim',
  'budgetIncident',
  'budgetPolicy',
  'secret',
  'skill',
  'webhook',
  'routine',
  'routineTrigger',
] as const

/** Ids by the word that stands before them in a path. */
export const pathIds = (companyId: string, id: SubjectIds): Readonly<Record<string, string>> => ({
  companies: companyId,
  agents: id.agent,
  'heartbeat-runs': id.run,
  issues: id.issue,
  comments: id.comment,
  keys: id.key,
  goals: id.goal,
  projects: id.project,
  workspaces: id.workspace,
  labels: id.label,
  approvals: id.approval,
  revisions: id.revision,
  interactions: id.interaction,
  'config-revisions': id.configRevision,
  attachments: id.attachment,
  assets: id.asset,
  'work-products': id.workProduct,
  'feedback-traces': id.trace,
  users: id.person,
  members: id.member,
  // The token of an invitation stands where its id stands in another path, so they are the same here.
  invites: id.invite,
  'join-requests': id.joinRequest,
  challenges: id.challenge,
  'board-claim': id.boardClaim,
  'budget-incidents': id.budgetIncident,
  secrets: id.secret,
  skills: id.skill,
  webhooks: id.webhook,
  routines: id.routine,
  'routine-triggers': id.routineTrigger,
  // No stored row has this id.
  'workspace-operations': randomUUID(),
  // Words in places where other paths have ids.
  public: id.routineTrigger.replaceAll('-', '').slice(0, 24),
  documents: 'plan',
  adapters: 'process',
  'runtime-services': 'start',
  'agent-configuration': 'process',
})

/** The ids of a new subject. */
export const newIds = (): SubjectIds => Object.fromEntries(idNames.map((name) => [name, randomUUID()])) as SubjectIds
