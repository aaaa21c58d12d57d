// The kinds of values that settings have: how each is read from a text, and how it stands in config.json, where that is not a text.

import { z } from 'zod'
import { tlsProblem } from '../platform/db/driver/tls.ts'
import { weakSecretProblem } from '../platform/home/secretStrength.ts'
import { NO_LIMIT } from '../platform/kernel/quotas.ts'
import type { Quota } from '../platform/kernel/quotas.ts'

/** A value of config.json that is not a text, as JSON Schema. */
export type FileShape =
  | { readonly type: 'integer'; readonly minimum: number; readonly maximum: number; readonly default: number }
  | { readonly type: 'boolean' }
  | { readonly type: 'array'; readonly items: { readonly type: 'string' } }

const shapes = new WeakMap<object, FileShape>()

/** The shape that a kind has in config.json; undefined for a text. */
export const fileShapeOf = (kind: object): FileShape | undefined => shapes.get(kind)

/** Says how the values of a kind stand in config.json. The environment has texts only. */
export function inFile<T extends object>(shape: FileShape, kind: T): T {
  shapes.set(kind, shape)
  return kind
}

/** A list: separated by commas in the environment, an array in config.json. */
export const listShape: FileShape = { type: 'array', items: { type: 'string' } }

/** HS256 requires 32 bytes. */
export const SECRET_MIN_LENGTH = 32
/** Long enough that it cannot be guessed over a network. */
export const METRICS_TOKEN_MIN_LENGTH = 16
/** A century, which is practically without limit. */
export const MAX_DAYS = 36_500
/** Each run is a process of its own. */
export const MAX_RUNS = 1000

/** A whole number. */
export const integerBetween = (min: number, max: number, fallback: number) =>
  inFile(
    // The default is a number, which the schema of a text could not have.
    { type: 'integer', minimum: min, maximum: max, default: fallback },
    z.string().regex(/^\d+$/, 'must be a whole number').transform(Number).pipe(z.number().min(min).max(max)),
  ).default(fallback)

/** A secret of at least so many characters that cannot be guessed. */
export const secretOf = (minLength: number) =>
  z.string().superRefine((text, context) => {
    const message = text.length < minLength ? `must have at least ${minLength} characters` : weakSecretProblem(text, minLength)
    if (message !== null) context.addIssue({ code: 'custom', message })
  })

export const postgresUrl = z.string().superRefine((text, context) => {
  const isPostgres = URL.canParse(text) && ['postgres:', 'postgresql:'].includes(new URL(text).protocol)
  const message = isPostgres ? tlsProblem(text) : 'must be a postgres:// URL'
  if (message !== null) context.addIssue({ code: 'custom', message })
})

export const webUrl = z
  .string()
  .refine((text) => URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol), 'must be an http(s):// URL')

/** Whether a text is the origin of a web page, as browsers send it. */
export const isOrigin = (text: string): boolean =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text

/** A list that is separated by commas. */
export const commaSeparated = inFile(
  listShape,
  z.string().transform((text) =>
    text
      .split(',')
      .map((item) => item.trim().toLowerCase())
      .filter((item) => item !== ''),
  ),
)

/** A setting that is on or off. */
export const flag = inFile({ type: 'boolean' }, z.enum(['true', 'false', '1', '0']))
  .default('false')
  .transform((text) => text === 'true' || text === '1')

/** Secrets that are separated by commas, the present one first. */
export const secretList = inFile(
  listShape,
  z.string().transform((text) =>
    text
      .split(',')
      .map((secret) => secret.trim())
      .filter((secret) => secret !== ''),
  ),
).pipe(z.tuple([secretOf(SECRET_MIN_LENGTH)], secretOf(SECRET_MIN_LENGTH)))

/** The token of the board makes its bearer an administrator, and it is sent in a header. */
export const boardToken = secretOf(SECRET_MIN_LENGTH).regex(/^[\x21-\x7e]*$/, 'must have visible ASCII characters only')

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
