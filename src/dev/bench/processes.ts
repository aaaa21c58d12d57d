import { readdirSync, readFileSync } from 'node:fs'
import type { Pool } from '../../platform/db/driver/client.ts'

/** The kernel counts processor time in hundredths of a second. */
const MS_PER_TICK = 10

/** Processor time of a process and of its children that have ended, in ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name stands in parentheses and may contain spaces; utime, stime, cutime and cstime are fields 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * MS_PER_TICK
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  )
}

/** Processor time of Postgres: the postmaster, the backends that live and those that have ended. */
export function postgresCpuMs(postmaster: number): number {
  let sum = cpuMs(postmaster)
  for (const backend of childrenOf(postmaster)) {
    try {
      sum += cpuMs(backend)
    } catch {
      // The backend ended while it was read; the postmaster counts it from now on.
    }
  }
  return sum
}

/** The process of a Postgres, as its superuser reads it. */
export async function postmasterOf(sql: Pool): Promise<number> {
  const { rows } = await sql.query<{ pid: number }>("select split_part(pg_read_file('postmaster.pid'), chr(10), 1)::int as pid")
  return rows[0]?.pid ?? 0
}

/** Memory of a process that is in RAM. */
export const residentMb = (pid: number): number =>
  Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
