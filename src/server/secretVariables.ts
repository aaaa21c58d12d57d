// The variables whose values are secrets: they may stand in a file, and no longer than needed in the environment.

import { readFileSync } from 'node:fs'

/** Variables whose value is a secret. Each may be given as `NAME_FILE` instead: the path of a file with the value. */
export const secretVariables = [
  'DATABASE_URL',
  'DATABASE_OWNER_URL',
  'PAPERCLIP_AGENT_JWT_SECRET',
  'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS',
  'PAPERCLIP_AGENT_JWT_KEYS',
  'PAPERCLIP_METRICS_TOKEN',
  'PAPERCLIP_BOARD_TOKEN',
  'PAPERCLIP_AUDIT_WITNESS_URL',
  'BETTER_AUTH_SECRET',
  'PAPERCLIP_OIDC_CLIENT_SECRET',
  'PAPERCLIP_SECRETS_MASTER_KEY',
  'OTEL_EXPORTER_OTLP_HEADERS',
] as const

/** The variables that name a file with a secret. */
export const secretFileVariables = secretVariables.map((name) => `${name}_FILE`)

type Environment = Readonly<Record<string, string | undefined>>

/** The environment with the contents of the files in place of their paths, and a line per problem. */
export interface ResolvedSecrets {
  readonly values: Environment
  readonly problems: readonly string[]
}

const isGiven = (value: string | undefined): value is string => value !== undefined && value !== ''

/** Reads the files that `NAME_FILE` variables name. A problem names the variable and the kind of error, never a value. */
export function resolveSecretFiles(env: Environment): ResolvedSecrets {
  const values: Record<string, string | undefined> = { ...env }
  const problems: string[] = []
  for (const name of secretVariables) {
    const file = env[`${name}_FILE`]
    if (!isGiven(file)) continue
    if (isGiven(env[name])) {
      problems.push(`${name}_FILE: must not be given together with ${name}`)
      continue
    }
    try {
      // Tools write such files with and without a newline at the end.
      const value = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
      if (value === '') problems.push(`${name}_FILE: the file is empty`)
      values[name] = value
    } catch (error) {
      problems.push(`${name}_FILE: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
    }
  }
  return { values, problems }
}

/**
 * Removes the secrets from the environment of this process, after they were read: what copies the environment later (a
 * child, a report of an error) has none. The kernel keeps its own copy for `/proc/<pid>/environ`; only a file avoids that.
 */
export function forgetSecrets(env: Record<string, string | undefined>): void {
  for (const name of secretVariables) {
    delete env[name]
    delete env[`${name}_FILE`]
  }
}
