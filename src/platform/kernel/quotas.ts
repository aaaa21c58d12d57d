// The quotas of an agent, and of all agents of a company together, as data, and the refusal beyond them.

import { Refusal } from './errors.ts'

/** The quotas of one party. `NO_LIMIT` is no limit. */
export interface Quota {
  /** Runs that were opened through the API and are live. Runs that this server queues are not counted. */
  readonly openRuns: number
  /** Wakes that agents cause within an hour, by whatever request. */
  readonly wakesPerHour: number
  /** Requests a second in the long run. */
  readonly requestsPerSecond: number
  /** Requests at once, after a pause of `requestBurst / requestsPerSecond` seconds. */
  readonly requestBurst: number
  /** Bytes of request bodies within an hour. */
  readonly bytesPerHour: number
}

export interface Quotas {
  readonly agent: Quota
  /** The sum over the agents of a company. */
  readonly company: Quota
}

const MEGABYTE = 1024 * 1024

/**
 * Far above what an agent at work needs: a tool call takes a second, and a long session writes some megabytes. A company
 * may take what ten to twenty agents may take that use all of it.
 */
export const defaultQuotas = {
  agent: { openRuns: 50, wakesPerHour: 600, requestsPerSecond: 50, requestBurst: 500, bytesPerHour: 256 * MEGABYTE },
  company: { openRuns: 1000, wakesPerHour: 6000, requestsPerSecond: 500, requestBurst: 5000, bytesPerHour: 2048 * MEGABYTE },
} as const satisfies Quotas

/** A number that nothing reaches, and that arithmetic keeps finite. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER

const unlimited: Quota = {
  openRuns: NO_LIMIT,
  wakesPerHour: NO_LIMIT,
  requestsPerSecond: NO_LIMIT,
  requestBurst: NO_LIMIT,
  bytesPerHour: NO_LIMIT,
}

/** No limits, for tests and benchmarks. */
export const noQuotas: Quotas = { agent: unlimited, company: unlimited }

export type QuotaName = 'requests' | 'bytes' | 'open_runs' | 'wakes' | 'webhook_calls'
export type QuotaScope = keyof Quotas

export interface Exceeded {
  readonly quota: QuotaName
  readonly scope: QuotaScope
  readonly limit: number
  /** The time within which `limit` counts; null for a number of things that exist at once. */
  readonly windowSeconds: number | null
  readonly retryAfter: number
}

/** The 429 of a quota, with the headers of draft-ietf-httpapi-ratelimit-headers. */
export function quotaRefusal({ quota, scope, limit, windowSeconds, retryAfter }: Exceeded): Refusal {
  const window = windowSeconds === null ? '' : `;w=${windowSeconds}`
  return new Refusal('quota_exceeded', {
    details: { quota, scope, limit, windowSeconds, retryable: true, next: 'wait' },
    retryAfter,
    headers: { 'RateLimit-Policy': `"${quota}";q=${limit}${window}`, RateLimit: `"${quota}";r=0;t=${retryAfter}` },
  })
}
