// The most of everything about routines. An agent that makes routines for itself has less than the board (I21).

/** The most routines of a company that are not archived. All of them are paused in one transaction. */
export const MAX_ROUTINES = 500
/** The most routines of a company in all. Nothing deletes them but the end of the company. */
export const MAX_KEPT_ROUTINES = 5000
/** The most triggers of a routine. */
export const MAX_TRIGGERS = 20
/** The most routines that an agent has made for itself and not archived. */
export const MAX_ROUTINES_OF_AGENT = 10
/** The most routines that an agent has made for itself in all. Fifty agents together could fill what their company keeps. */
export const MAX_KEPT_ROUTINES_OF_AGENT = 100
/** The most triggers of a routine to which an agent adds one. */
export const MAX_TRIGGERS_OF_AGENT = 4
/** The fewest minutes between two times of a schedule that an agent sets, and between two runs of a routine by all schedules that agents set on it. */
export const MIN_MINUTES_OF_AGENT = 15
/**
 * The most runs within an hour by the schedules that an agent has set, all of them together: what ten routines make at that interval. Routines that it
 * archives and takes back in turns would make ten times as many.
 */
export const MAX_SCHEDULED_PER_HOUR_OF_AGENT = (MAX_ROUTINES_OF_AGENT * 60) / MIN_MINUTES_OF_AGENT
/** A clock that was ahead by more than this has fired times that are still to come. A schedule that is saved then begins at the present again. */
export const LONGEST_SET_BACK_HOURS = 24
/** A due time that is later than this was missed: no server was running. It is far more than a server under load needs. */
export const MISSED_AFTER_S = 300
/** The most missed times that `enqueue_missed_with_cap` makes up for, the latest ones. */
export const CATCH_UP_CAP = 25
/** The times that are shown ahead. */
export const SHOWN_TIMES = 5
/** The most calls of one webhook within a minute that make a run. */
export const MAX_CALLS_PER_MINUTE = 60
/**
 * The most runs within an hour by webhooks that an agent has made for itself or knows the secret of, all of them together. It could call
 * them itself, and what they wake is not counted as a wake that the agent asked for.
 */
export const MAX_CALLS_PER_HOUR_OF_AGENT = 160
/** The largest body of a webhook: its payload stands in the run. */
export const MAX_PAYLOAD_BYTES = 64 * 1024
/** The days for which runs that have ended are kept. */
export const RUN_DAYS = 90
