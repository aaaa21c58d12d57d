// How many files the system lets this process open, and how its connections fit into them (decision 0049).

import { readFileSync } from 'node:fs'
import { MIN_CONNECTIONS } from './config.ts'
import type { Config } from './config.ts'
import { MAX_CONNECTIONS } from '../http/traffic.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'

/** 29 after a start, 17 for the pools, those of picture workers, and files that are open for a moment. */
const OF_THE_PROGRAM = 128
/** Three pipes or the socket of its adapter, and a few connections to the ssh agent, which are two sockets each. */
const OF_A_RUN = 8

/** The connections that fit, and by what they are limited; null when they have their configured number. */
export interface FittedConnections {
  readonly maxConnections: number
  readonly limitedBy: { readonly limit: number; readonly needed: number } | null
}

/** The soft limit of open files of this process, which Node raises to the hard one at its start; null for none, and outside Linux. */
export function openFilesLimit(): number | null {
  try {
    const [, limit] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return limit === undefined ? null : Number(limit)
  } catch {
    return null
  }
}

/**
 * Lowers the limit of connections until they and everything else fit. A connection above its limit is refused, or an idle one is
 * closed for it; without a file left, connections of the pools, commands of runs and every new client fail.
 * @throws a problem of the start when even the least number of connections does not fit
 */
export function fitConnections(
  limit: number | null,
  { maxRuns, trafficLimits }: Pick<Config, 'maxRuns' | 'trafficLimits'>,
): FittedConnections {
  const wanted = trafficLimits.connections?.max ?? MAX_CONNECTIONS
  const others = OF_THE_PROGRAM + maxRuns * OF_A_RUN
  const needed = others + wanted
  if (limit === null || limit >= needed) return { maxConnections: wanted, limitedBy: null }
  const least = others + MIN_CONNECTIONS
  if (limit < least)
    throw startProblem(
      `ulimit -n allows this process ${limit} open files, and it needs ${needed}, or ${least} at least: raise the hard limit to ${needed} (LimitNOFILE of systemd, --ulimit nofile of a container), or lower PAPERCLIP_MAX_RUNS`,
    )
  return { maxConnections: limit - others, limitedBy: { limit, needed } }
}
