// One statement a second that looks for the work of the tasks which would otherwise each ask the database by themselves: a dozen queries a
// second on a server without work.

import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { backupsDue } from '../backup/index.ts'
import { budgetsDue } from '../control/budgets/index.ts'
import { runsQueued } from '../control/dispatch/index.ts'
import { deletionsDue, stopsDue } from '../control/lifecycle/index.ts'
import { routinesDue } from '../control/routines/index.ts'
import { webhooksDue } from '../observe/webhooks/index.ts'
import { statement } from '../platform/db/statement.ts'
import type { ReadDb } from '../platform/db/types.ts'
import { exactlyOne } from '../platform/kernel/exactlyOne.ts'
import type { Look, PeriodicTask } from '../scheduler/periodicTasks.ts'
import { runsExpired } from '../scheduler/reap.ts'
import { timersDue } from '../scheduler/timers.ts'

/** A look delays what is due by as much as the tasks with the shortest interval would. */
const LOOK_INTERVAL_MS = 1000

/** Whether a task may have something to do, by its name: of the tasks that run each second, and of those that run less often. */
const often: Readonly<Record<string, SQL>> = { budgets: budgetsDue, routines: routinesDue, webhooks: webhooksDue }
const seldom: Readonly<Record<string, SQL>> = {
  backup: backupsDue,
  dispatch: runsQueued,
  reap: runsExpired,
  stops: stopsDue,
  deletions: deletionsDue,
  timers: timersDue,
}

type Found = Readonly<Record<string, unknown>> & { readonly horizon: string }

// Without parameters, so that it is planned once and not for each set of names.
const lookFor = (name: string, facts: Readonly<Record<string, SQL>>) =>
  statement<object, Found>(name).read(sql`
    select (select horizon::text from event_horizon()) as horizon,
      ${sql.join(
        Object.entries(facts).map(([task, isDue]) => sql`${isDue} as ${sql.identifier(task)}`),
        sql`, `,
      )}`)

const oftenDue = lookFor('work_due_often', often)
const allDue = lookFor('work_due', { ...often, ...seldom })

/** Says of the tasks that follow the log of events whether they have come as far as a horizon. */
export type FollowersDone = Readonly<Record<string, (horizon: string) => boolean>>

/**
 * Gives tasks a common look. A task that it does not know keeps its own timer. The statement reads without locks and decides nothing: a
 * task looks again at what it finds.
 */
export function withLook(tasks: readonly PeriodicTask[], db: Pick<ReadDb, 'run'>, followers: FollowersDone): PeriodicTask[] {
  const look: Look = {
    intervalMs: LOOK_INTERVAL_MS,
    async findDue(names) {
      const found = exactlyOne(await db.run(names.some((name) => name in seldom) ? allDue : oftenDue, {}))
      return new Set(names.filter((name) => (name in followers ? followers[name]?.(found.horizon) === false : found[name] === true)))
    },
  }
  return tasks.map((task) => (task.name in followers || task.name in often || task.name in seldom ? { ...task, look } : task))
}
