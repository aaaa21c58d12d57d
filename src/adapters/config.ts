// The fields that configurations of adapters have in common, and the values of their secret references.
import path from 'node:path'
import { z } from 'zod'
import type { Cover } from '../platform/kernel/cover.ts'
import { coverOf } from './text.ts'

/** An hour is enough for most tasks, and a run that hangs must not hold its issue for a day. */
const DEFAULT_TIMEOUT_S = 3_600
const MAX_TIMEOUT_S = 86_400
const DEFAULT_GRACE_S = 10
const MAX_GRACE_S = 300

/** A text that can be an argument, a path or a header: the system accepts no NUL in any of them. */
// oxlint-disable-next-line no-control-regex
export const plainText = z
  .string()
  .max(32_768)
  .regex(/^[^\0]*$/, 'must not contain NUL')

/** A name that a program receives as the value of a flag. With a leading hyphen it could be taken for another flag. */
export const flagValue = plainText.regex(/^[^-\s]/, 'must not begin with a hyphen or a space')

/** A field that may also be empty or null in stored configurations. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === null || value === '' ? undefined : value), schema.optional())

/** The secrets of a job. */
export interface JobSecrets {
  readonly token: string
  /** Values of secret references, by the path of the field: `env.API_KEY`. */
  readonly secrets?: Readonly<Record<string, string>>
}

/** A value that may be a secret: a bare text, a tagged text, or a reference to a stored secret. */
export const binding = z.union([
  plainText,
  z.object({ type: z.literal('plain').describe('A text as it is'), value: plainText.describe('The text') }),
  z.object({
    type: z.literal('secret_ref').describe('A stored secret'),
    secretId: z.string().describe('The secret'),
    version: z.union([z.string(), z.number()]).optional().describe('Its version'),
  }),
])
export type Binding = z.output<typeof binding>

export const bindings = (name: RegExp, max: number) =>
  z.record(z.string().regex(name), binding).refine((all) => Object.keys(all).length <= max, `at most ${max} entries`)

// Stored configurations write 0 for "no limit"; every run has a limit here.
const timeoutSec = optional(z.number().min(0).max(MAX_TIMEOUT_S))
  .transform((seconds) => (seconds === 0 ? MAX_TIMEOUT_S : (seconds ?? DEFAULT_TIMEOUT_S)))
  .describe('Seconds until the run is stopped as `timed_out`; 0 is the longest')
const graceSec = optional(z.number().min(0).max(MAX_GRACE_S))
  .transform((seconds) => seconds ?? DEFAULT_GRACE_S)
  .describe('Seconds between SIGTERM and SIGKILL when the run is stopped')

/** The limit of a request to an agent elsewhere. Stored configurations of such agents have it in milliseconds. */
export const requestTimeoutFields = {
  timeoutSec,
  timeoutMs: optional(
    z
      .number()
      .min(0)
      .max(MAX_TIMEOUT_S * 1000),
  ).describe('The same limit in milliseconds; it goes before `timeoutSec`, unless it is 0'),
}

/** The limit in milliseconds: the field in milliseconds, unless it is 0, which stored configurations write for "no limit". */
export const requestTimeoutMs = (config: { readonly timeoutSec: number; readonly timeoutMs?: number | undefined }): number =>
  config.timeoutMs === undefined || config.timeoutMs === 0 ? config.timeoutSec * 1000 : config.timeoutMs

/** Skills of one agent: a run gets the files of all of them, and its prompt their descriptions. */
export const MAX_DESIRED_SKILLS = 20

/** The fields of every configured command. */
export const commandFields = {
  cwd: optional(plainText.refine((folder) => path.isAbsolute(folder), 'must be an absolute path')).describe(
    'The working folder, an absolute path that exists; without it the agent has a folder of its own',
  ),
  env: optional(bindings(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, 200)).describe('Variables of the environment, at most 200'),
  timeoutSec,
  graceSec,
  desiredSkills: optional(z.array(z.string().max(100)).max(MAX_DESIRED_SKILLS)).describe(
    'The skills of the agent, whose files each run gets, by their names, at most 20',
  ),
}

export const argumentList = z.array(plainText).max(256)

/** Values of bindings, and the paths of those whose secret the job does not contain. */
export type ResolvedBindings = { readonly values: Readonly<Record<string, string>>; readonly missing: readonly string[] }

/**
 * Resolves bindings with the secrets of the job.
 * @param prefix the path of the bindings in the configuration: `env`, `headers`, or the empty text for top-level fields
 */
export function resolveBindings(all: Readonly<Record<string, Binding>> | undefined, prefix: string, job: JobSecrets): ResolvedBindings {
  const values: Record<string, string> = {}
  const missing: string[] = []
  for (const [name, given] of Object.entries(all ?? {})) {
    const configPath = prefix === '' ? name : `${prefix}.${name}`
    const value = valueOf(given, job.secrets?.[configPath])
    if (value === undefined) missing.push(configPath)
    else values[name] = value
  }
  return { values, missing }
}

function valueOf(given: Binding, secret: string | undefined): string | undefined {
  if (typeof given === 'string') return given
  return given.type === 'plain' ? given.value : secret
}

const secretsByJob = new WeakMap<JobSecrets, readonly string[]>()

/** Everything that is redacted in an agent's output: its token, and the stored secrets that it received. The same list for the same job. */
export function secretsOf(job: JobSecrets): readonly string[] {
  const known = secretsByJob.get(job)
  if (known !== undefined) return known
  const secrets = [job.token, ...Object.values(job.secrets ?? {})]
  secretsByJob.set(job, secrets)
  return secrets
}

/** The cover of everything that is redacted in what an agent reports. */
export const coverOfJob = (job: JobSecrets): Cover => coverOf(secretsOf(job))

export interface SecretReference {
  /** The key of the value in `Job.secrets`. */
  readonly path: string
  readonly secretId: string
  readonly version: string | number | undefined
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The references to stored secrets in a validated configuration: adapters have them as fields or one level below. */
export function secretReferences(config: unknown, parentPath: readonly string[] = []): SecretReference[] {
  if (!isRecord(config)) return []
  if (config['type'] === 'secret_ref') {
    const { secretId, version } = config as { secretId: string; version?: string | number }
    return [{ path: parentPath.join('.'), secretId, version }]
  }
  return parentPath.length > 1 ? [] : Object.entries(config).flatMap(([name, value]) => secretReferences(value, [...parentPath, name]))
}
