import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

const ofCompany = '/api/companies/:companyId/routines'
const runs =
  'The run is recorded with what came of it: it made an issue, joined the open issue of an earlier run, was skipped with a reason, or failed with one.'

/** Work that comes back. */
export const routines: OperationTexts = {
  [`GET ${ofCompany}`]: op(
    'listRoutines',
    'The oldest first, each with its triggers, its last run and its open issue. An agent sees all of its company.',
    'RoutineListItem',
  ),
  [`POST ${ofCompany}`]: op(
    'createRoutine',
    'Without an assignee it is a draft. An agent creates routines for itself only, ten at most; one for another agent is refused. Add triggers afterwards.',
    'Routine',
  ),
  [`GET ${ofCompany}/schedule-preview`]: op(
    'previewSchedule',
    'The next times by the clock of the server, for an expression that is not saved. A text that is no schedule is refused with the reason.',
    'SchedulePreview',
  ),
  [`POST ${ofCompany}/pause-all`]: op(
    'pauseAllRoutines',
    'All of them in one transaction: none fires from its commit on. Those that were paused before stay as they are.',
    'ChangedRoutines',
  ),
  [`POST ${ofCompany}/resume-all`]: op(
    'resumeAllRoutines',
    'Only those that were paused all at once. What was due meanwhile is not made up for.',
    'ChangedRoutines',
  ),
  'GET /api/routines/:id': op('getRoutine', 'With its assignee, its triggers with their next times, and its latest runs.', 'RoutineDetail'),
  'PATCH /api/routines/:id': op(
    'updateRoutine',
    'An agent changes routines that are assigned to itself, gives them to no other agent, and resumes only what it has paused itself. A routine that becomes active goes on with its next time.',
    'Routine',
  ),
  'GET /api/routines/:id/runs': op(
    'listRoutineRuns',
    'The newest first. A run that made an issue ends when the issue is closed.',
    'ListedRoutineRun',
  ),
  'POST /api/routines/:id/run': op(
    'runRoutine',
    `The same \`idempotencyKey\` makes one run. Missing values of required variables are refused. ${runs}`,
    'RoutineRun',
  ),
  'POST /api/routines/:id/triggers': op(
    'createRoutineTrigger',
    'A schedule has five fields and the name of a time zone, and is refused when it never comes. The secret of a webhook is shown in this answer and never again. Schedules that an agent sets have at least 15 minutes between two times of an hour.',
    'RoutineTriggerWithSecret',
  ),
  'PATCH /api/routine-triggers/:id': op(
    'updateRoutineTrigger',
    'A schedule that is changed or turned on goes on with its next time. An agent changes no trigger that the board has turned off.',
    'RoutineTrigger',
  ),
  'DELETE /api/routine-triggers/:id': op('deleteRoutineTrigger', 'Its runs stay. A webhook with its address is unknown from then on.'),
  'POST /api/routine-triggers/:id/rotate-secret': op(
    'rotateRoutineSecret',
    'The new secret is shown in this answer and never again; the old one ends at once. The address stays.',
    'RoutineTriggerWithSecret',
  ),
  'POST /api/routine-triggers/public/:publicId/fire': op(
    'fireRoutineWebhook',
    `Without a session: the secret as a bearer, or \`X-Paperclip-Timestamp\` and \`X-Paperclip-Signature\`, the HMAC-SHA256 with the secret over timestamp, a dot and the body as it is sent. A signature that is sent again, and an \`Idempotency-Key\`, get the run that they made before. An unknown address and a wrong proof have the same answer. ${runs}`,
    'RoutineRun',
  ),
}
