// Kinds of values that settings have.

import { z } from 'zod'
import { tlsProblem } from '../platform/db/driver/tls.ts'
import { NO_LIMIT } from '../platform/kernel/quotas.ts'
import type { Quota } from '../platform/kernel/quotas.ts'

/** A whole number. */
export const integerBetween = (min: number, max: number, fallback: number) =>
  z.string().regex(/^\d+$/, 'must be a whole number').transform(Number).pipe(z.number().min(min).max(max)).default(fallback)

export const postgresUrl = z.string().superRefine((text, context) => {
  const isPostgres = URL.canParse(text) && ['postgres:', 'postgresql:'].includes(new URL(text).protocol)
  const message = isPostgres ? tlsProblem(text) : 'must be a postgres:// URL'
  if (message !== null) context.addIssue({ code: 'custom', message })
})

export const MEGABYTE = 1024 * 1024
/** More than any server does; it keeps a quota that is a product of settings in the range of exact numbers. */
const MAX_QUOTA = 1_000_000

/** A quota; 0 is no limit. */
const quotaOf = (fallback: number) => integerBetween(0, MAX_QUOTA, fallback).transform((value) => (value === 0 ? NO_LIMIT : value))

/** The variables of the quotas of an agent or of a company. */
export const quotaVariables = <P extends 'AGENT' | 'COMPANY'>(party: P, quota: Quota) =>
  ({
    [`PAPERCLIP_${party}_OPEN_RUNS`]: quotaOf(quota.openRuns),
    [`PAPERCLIP_${party}_WAKES_PER_HOUR`]: quotaOf(quota.wakesPerHour),
    [`PAPERCLIP_${party}_REQUESTS_PER_SECOND`]: quotaOf(quota.requestsPerSecond),
    [`PAPERCLIP_${party}_REQUEST_BURST`]: quotaOf(quota.requestBurst),
    [`PAPERCLIP_${party}_MB_PER_HOUR`]: quotaOf(quota.bytesPerHour / MEGABYTE),
  }) as Record<`PAPERCLIP_${P}_${QuotaVariable}`, ReturnType<typeof quotaOf>>

type QuotaVariable = 'OPEN_RUNS' | 'WAKES_PER_HOUR' | 'REQUESTS_PER_SECOND' | 'REQUEST_BURST' | 'MB_PER_HOUR'
