const routineViews = ['Routine', 'RoutineListItem', 'RoutineDetail', 'CreateRoutineRequest', 'UpdateRoutineRequest']
const triggerViews = ['RoutineTrigger', 'RoutineTriggerBrief', 'CreateRoutineTriggerRequest', 'UpdateRoutineTriggerRequest']
const runViews = ['RoutineRun', 'ListedRoutineRun']

/** The same text for a field of several views, where its name means something else in others. */
const inViews = (names: readonly string[], texts: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(names.flatMap((view) => Object.entries(texts).map(([name, text]) => [`${view}.${name}`, text])))

const variableTexts = {
  name: 'Its name, as it stands in the texts: `{{name}}`',
  label: 'What people see instead of the name; null for that',
  type: 'The type of its values',
  defaultValue: 'The value of a run that gives none; null for none',
  required: 'Whether a run without a value and without a default is refused',
  options: 'The values that a `select` allows',
}

/** Fields of routines, of their triggers and of their runs. */
export const fieldsOfRoutines: Readonly<Record<string, string>> = {
  ...inViews(routineViews, {
    title: 'The title of its issues, in which `{{name}}` is the place of the value of a variable',
    description: 'The description of its issues, as markdown, with variables; null for none',
    projectId: 'The project of its issues; null for none',
    goalId: 'The goal of its issues; null for none',
    parentIssueId: 'The issue below which its issues are made; null for none',
    assigneeAgentId: 'The agent that gets its issues; null for a draft',
    priority: 'The priority of its issues',
    status: 'Whether its schedules and webhooks make it run',
    variables: 'The variables that its texts name',
    ...Object.fromEntries(Object.entries(variableTexts).map(([name, text]) => [`variables.${name}`, text])),
  }),
  ...inViews(['RoutineVariable'], variableTexts),
  concurrencyPolicy: 'When the issue of an earlier run is still open: join it, make another one, or skip the run',
  catchUpPolicy: 'Whether times that no server was there for are left out, or the latest 25 of them are made up for',
  ...inViews(['Routine', 'RoutineListItem', 'RoutineDetail'], { pauseReason: 'Who or what stopped it; null while it is active' }),
  lastTriggeredAt: 'When it last ran, whatever came of it; null before',
  lastEnqueuedAt: 'When it last made an issue; null before',
  'RoutineListItem.triggers': 'Its triggers, the oldest first',
  'RoutineDetail.triggers': 'Its triggers, the oldest first, with their next times',
  lastRun: 'Its latest run; null before the first',
  activeIssue: 'The open issue of a run; null for none',
  recentRuns: 'Its latest runs, the newest first',
  'RoutineDetail.project': 'The project; null for none',
  'RoutineDetail.assignee': 'The agent, with the settings that the caller may see; null for a draft',
  parentIssue: 'The issue below which its issues are made; null for none, and when it was deleted',
  ...inViews(triggerViews, {
    kind: 'What makes the routine run: a schedule, a webhook, or a request with this trigger',
    label: 'A name for people; null for none',
    enabled: 'Whether it makes the routine run',
  }),
  routineId: 'The routine',
  cronExpression: 'Minute, hour, day of the month, month, day of the week; null for a trigger that is no schedule',
  timezone: 'The name of the time zone of the schedule; null for a trigger that is no schedule',
  nextRunAt: 'When the schedule is due next; null while it waits for nothing',
  nextRunTimes: 'The next times of the schedule, five at most',
  lastFiredAt: 'When it last made the routine run; null before',
  publicId: 'What names the webhook in its address; null for a trigger that is no webhook',
  secretId: 'Always null: the secret of a webhook is kept with its trigger',
  signingMode: 'Whether a caller sends the secret as a bearer, or a signature made with it; null for a trigger that is no webhook',
  replayWindowSec: 'The seconds by which the time of a signature may differ from that of the server; null for a trigger that is no webhook',
  lastRotatedAt: 'When its secret was last replaced; null before',
  lastResult: 'What came of its last run; null before',
  'RoutineTriggerWithSecret.trigger': 'The trigger',
  secretMaterial: 'The address and the secret of the webhook, shown once; null for every other trigger',
  webhookUrl: 'The address to which calls are sent',
  webhookSecret: 'The secret, shown in this answer and never again',
  ...inViews(runViews, {
    source: 'What made the routine run',
    status: 'What came of it',
    triggerId: 'The trigger; null for none',
    idempotencyKey: 'The key that its request was sent with; null for none',
    failureReason: 'Why it was skipped, or failed; null otherwise',
    completedAt: 'When it ended: at once, or when its issue was closed; null while its issue is open',
  }),
  triggeredAt: 'When the routine ran',
  dueAt: 'The time of the schedule that this is the run of; null for every other source',
  triggerPayload: 'What was sent with the request; null for nothing',
  linkedIssueId: 'The issue that it made or joined; null for none',
  linkedIssue: 'The issue in short; null for none, and when it was deleted',
  coalescedIntoRunId: 'The run whose open issue it joined; null for none',
  dispatchFingerprint: 'The same for two runs that put the same into their issues; null for one that made none',
  'ListedRoutineRun.trigger': 'The trigger in short; null for none, and when it was deleted',
  'trigger.kind': 'What makes the routine run',
  'trigger.label': 'A name for people; null for none',
  ...inViews(['RunRoutineRequest'], {
    triggerId: 'The trigger in whose name the routine runs',
    payload: 'What is recorded with the run',
    variables: 'The values of variables by name',
    source: 'Whether a person or a program asks',
  }),
  routineIds: 'The routines that were changed',
}
