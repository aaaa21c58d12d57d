/** The least version of Node that this server runs on; the same as `engines` in package.json. */
export const LEAST_NODE = '20.19'

/** The least major version of Postgres: the oldest that the tests run on. The SQL itself needs 13, for `xid8`. */
export const LEAST_POSTGRES = 15

/**
 * Checks the version of Node.
 * @param version as in `process.versions.node`
 * @returns a sentence for the operator; null when the version is new enough
 */
export function nodeProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [leastMajor = 0, leastMinor = 0] = LEAST_NODE.split('.').map(Number)
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return null
  return `Node ${LEAST_NODE} or newer is required, and this is Node ${version}`
}

/**
 * Checks the version of Postgres.
 * @param versionNumber as in `server_version_num`: 150004 is 15.4
 * @returns a sentence for the operator; null when the version is new enough
 */
export function postgresProblem(versionNumber: number): string | null {
  const major = Math.floor(versionNumber / 10_000)
  if (major >= LEAST_POSTGRES) return null
  return `Postgres ${LEAST_POSTGRES} or newer is required, and the database is Postgres ${major}.${versionNumber % 100}`
}
