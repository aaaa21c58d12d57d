import type { Pool } from '../../platform/db/driver/client.ts'
import { MOVE_CLOCK_SQL } from './cluster.ts'

/** The server whose clock moves. */
interface Movable {
  readonly sql: Pool
  /** Called with the milliseconds of each step, after the clock of the database has moved. */
  readonly moved: (ms: number) => void
  readonly runTasks: (names?: ReadonlySet<string>) => Promise<void>
}

/** The tasks that time is for within a step. The others run at the end. */
const DUE_TASKS: ReadonlySet<string> = new Set(['dispatch', 'supervise', 'reap', 'budgets', 'routines', 'stops', 'timers'])

/** Steps of one move. With more times than this the rest is one step, in which each thing that is due happens once. */
const MAX_STEPS = 200

// The next time at which a timer or a routine fires, or a lease ends.
const NEXT_DUE_SQL = `
  select ceil(extract(epoch from min(at) - clock_timestamp()) * 1000)::float8 as ms from (
    select next_timer_at as at from agents union all select next_run_at from routine_triggers
    union all select lease_expires_at from heartbeat_runs where status in ('queued', 'running')) due
  where at > clock_timestamp() and at <= clock_timestamp() + make_interval(secs => $1::float8 / 1000)`

/**
 * Moves the clock from one time at which something is due to the next, and runs what is due at each, so that a timer of ten minutes fires six
 * times in an hour.
 * @param ms milliseconds, not negative
 */
export async function moveClock({ sql, moved, runTasks }: Movable, ms: number): Promise<void> {
  const step = async (stepMs: number): Promise<void> => {
    await sql.query(MOVE_CLOCK_SQL, [`${stepMs} milliseconds`])
    moved(stepMs)
  }
  // A timer that no task has read yet begins before the move.
  await runTasks(DUE_TASKS)
  let leftMs = ms
  for (let count = 0; count < MAX_STEPS; count += 1) {
    const { rows } = await sql.query<{ ms: number | null }>(NEXT_DUE_SQL, [leftMs])
    const nextMs = rows[0]?.ms ?? null
    if (nextMs === null || nextMs > leftMs) break
    await step(nextMs)
    leftMs -= nextMs
    await runTasks(DUE_TASKS)
  }
  await step(leftMs)
  await runTasks()
}
