// The quotas that a process counts in memory: requests and bytes of bodies, as token buckets.

import { createBoundedCache } from '../platform/kernel/boundedCache.ts'
import type { Actor, AgentActor } from '../platform/kernel/actor.ts'
import type { Refusal } from '../platform/kernel/errors.ts'
import { quotaRefusal } from '../platform/kernel/quotas.ts'
import type { Quota, Quotas, QuotaScope } from '../platform/kernel/quotas.ts'

/** The remaining share of a party at an instant. */
interface Bucket {
  readonly quota: Quota
  readonly scope: QuotaScope
  requests: number
  bytes: number
  filledAtMs: number
  /** The bucket of the company; null in that of a company. */
  readonly company: Bucket | null
}

/** Bounds memory. Evicting a bucket gives its agent a full one, which needs as many other agents at work. */
const MAX_BUCKETS = 20_000
const MS_PER_HOUR = 3_600_000
/** Below this share of the burst each answer says how much is left. Above it nothing is added to an answer. */
const TELL_BELOW = 0.2

/** The quotas that this process counts in memory. Another process counts for itself, so several servers give several times as much. */
export interface RequestQuotas {
  /**
   * Takes one request of an agent; every other caller is free.
   * @returns the `RateLimit` headers when little is left, else null
   * @throws Refusal `quota_exceeded`
   */
  takeRequest(actor: Actor): Readonly<Record<string, string>> | null
  /** Takes the bytes of a body. @throws Refusal `quota_exceeded` */
  takeBytes(actor: Actor, bytes: number): void
}

/** @param now milliseconds of a clock that never goes back; tests turn it */
export function createRequestQuotas(quotas: Quotas, now: () => number = () => performance.now()): RequestQuotas {
  const agents = createBoundedCache<string, Bucket>(MAX_BUCKETS)
  const companies = createBoundedCache<string, Bucket>(MAX_BUCKETS)

  const fullBucket = (scope: QuotaScope, company: Bucket | null): Bucket => {
    const quota = quotas[scope]
    return { quota, scope, company, requests: quota.requestBurst, bytes: quota.bytesPerHour, filledAtMs: now() }
  }
  const addBucket = ({ agentId, companyId }: AgentActor): Bucket => {
    const company = companies.get(companyId) ?? fullBucket('company', null)
    companies.set(companyId, company)
    const bucket = fullBucket('agent', company)
    agents.set(agentId, bucket)
    return bucket
  }
  const bucketOf = (actor: AgentActor, nowMs: number): Bucket => {
    const bucket = agents.get(actor.agentId) ?? addBucket(actor)
    refill(bucket, nowMs)
    if (bucket.company !== null) refill(bucket.company, nowMs)
    return bucket
  }

  return {
    takeRequest(actor) {
      if (actor.kind !== 'agent') return null
      const bucket = bucketOf(actor, now())
      const empty = bucket.requests < 1 ? bucket : bucket.company !== null && bucket.company.requests < 1 ? bucket.company : null
      if (empty !== null) throw requestRefusal(empty)
      bucket.requests -= 1
      if (bucket.company !== null) bucket.company.requests -= 1
      return bucket.requests < TELL_BELOW * bucket.quota.requestBurst ? headersOf(bucket) : null
    },
    takeBytes(actor, bytes) {
      if (actor.kind !== 'agent' || bytes === 0) return
      const bucket = bucketOf(actor, now())
      for (const each of [bucket, bucket.company]) if (each !== null && each.bytes < bytes) throw byteRefusal(each, bytes)
      bucket.bytes -= bytes
      if (bucket.company !== null) bucket.company.bytes -= bytes
    },
  }
}

function refill(bucket: Bucket, nowMs: number): void {
  const { quota } = bucket
  const elapsedMs = nowMs - bucket.filledAtMs
  bucket.filledAtMs = nowMs
  bucket.requests = Math.min(quota.requestBurst, bucket.requests + (elapsedMs * quota.requestsPerSecond) / 1000)
  bucket.bytes = Math.min(quota.bytesPerHour, bucket.bytes + (elapsedMs * quota.bytesPerHour) / MS_PER_HOUR)
}

const fillSeconds = ({ requestBurst, requestsPerSecond }: Quota): number => Math.ceil(requestBurst / requestsPerSecond)

const requestRefusal = ({ quota, scope, requests }: Bucket): Refusal =>
  quotaRefusal({
    quota: 'requests',
    scope,
    limit: quota.requestBurst,
    windowSeconds: fillSeconds(quota),
    retryAfter: Math.max(1, Math.ceil((1 - requests) / quota.requestsPerSecond)),
  })

const byteRefusal = ({ quota, scope, bytes }: Bucket, wanted: number): Refusal =>
  quotaRefusal({
    quota: 'bytes',
    scope,
    limit: quota.bytesPerHour,
    windowSeconds: MS_PER_HOUR / 1000,
    retryAfter: Math.max(1, Math.ceil(((wanted - bytes) / quota.bytesPerHour) * (MS_PER_HOUR / 1000))),
  })

function headersOf({ quota, requests }: Bucket): Readonly<Record<string, string>> {
  const resetSeconds = Math.ceil((quota.requestBurst - requests) / quota.requestsPerSecond)
  return {
    'RateLimit-Policy': `"requests";q=${quota.requestBurst};w=${fillSeconds(quota)}`,
    RateLimit: `"requests";r=${Math.floor(requests)};t=${resetSeconds}`,
  }
}
