import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { z } from 'zod'
import type { BoardChoice } from '../auth/boardMode.ts'
import { MAX_TOKEN_SECONDS, runKeysText, tokenAlgorithms } from '../auth/runKeySet.ts'
import { defaultQuotas, NO_LIMIT } from '../platform/kernel/quotas.ts'
import type { Quota, Quotas } from '../platform/kernel/quotas.ts'
import { adapterTypes } from '../model/adapterTypes.ts'
import type { AdapterType } from '../model/adapterTypes.ts'
import { MAX_CONNECTIONS, MAX_UNREAD_BYTES } from '../http/traffic.ts'
import type { TrafficLimits } from '../http/traffic.ts'
// Not through the index, which would load every adapter before the configuration is read.
import { isAllowEntry } from '../adapters/addresses.ts'
import { bindPresets, deploymentExposures, deploymentModes, deploymentProblems, hostOf, isSubnet } from './deployment.ts'
import type { Deployment } from './deployment.ts'
import { readPrices } from './pricesFile.ts'
import type { Prices } from '../engine/costs/prices.ts'
import { runTokenSettings } from './runTokenSettings.ts'
import type { RunTokenSettings } from './runTokenSettings.ts'
import { backupSettingsOf, backupVariables } from './backupSettings.ts'
import type { BackupSettings } from './backupSettings.ts'
import { masterKeysText } from './masterKeyAccess.ts'
import { resolveSecretFiles, secretFileVariables } from './secretVariables.ts'
import { oidcOf, oidcProblems, oidcVariables } from './oidcSettings.ts'
import { traceSettings, traceVariables } from './traceSettings.ts'
import type { TraceSettings } from '../observe/traces/settings.ts'
import { unknownVariables } from './unknownVariables.ts'
import { isolationModes } from '../adapters/isolation/isolation.ts'
import type { AllowedPath, IsolationMode } from '../adapters/isolation/isolation.ts'
import { allowedPaths, skillFolders, worktreeFolder, worktreeFolderProblems } from './pathSettings.ts'
import { layerSettings, mayBeEmpty, NO_CONFIG_FILE } from './configFile.ts'
import type { ConfigFile } from './configFile.ts'
import {
  boardToken,
  commaSeparated,
  flag,
  inFile,
  integerBetween,
  isOrigin,
  listShape,
  MAX_DAYS,
  MAX_RUNS,
  MEGABYTE,
  METRICS_TOKEN_MIN_LENGTH,
  postgresUrl,
  quotaVariables,
  SECRET_MIN_LENGTH,
  secretList,
  secretOf,
  webUrl,
} from './settingKinds.ts'

/** The settings from the environment and the file of the home, typed and frozen. */
export interface Config extends RunTokenSettings {
  readonly port: number
  readonly host: string
  /** Processes that serve on the port; with more than one, a process more that owns the embedded Postgres and starts them. */
  readonly workers: number
  /** Null runs the embedded Postgres. */
  readonly databaseUrl: string | null
  /** The login that owns the tables, for migrations; null migrates with `databaseUrl`. */
  readonly databaseOwnerUrl: string | null
  readonly home: string
  /** Where the lines of the audit heads are sent in addition; null for nowhere. */
  readonly witnessFolder: string | null
  readonly witnessUrl: string | null
  readonly logLevel: string
  /** Whether a database gets a backup before it is migrated. */
  readonly makesUpgradeBackup: boolean
  /** The file of the log; null for standard output. */
  readonly logFile: string | null
  /** Where traces are sent; null for nowhere. */
  readonly traces: TraceSettings | null
  /** Further host names this server answers to, lower-case. */
  readonly allowedHostnames: readonly string[]
  /** Adapter types that this server may run. Null for all; an empty list for a server that starts no run. */
  readonly adapters: readonly AdapterType[] | null
  /** Addresses outside the public internet that HTTP adapters may call. */
  readonly adapterAddresses: readonly string[]
  /** Runs that this server supervises at once. */
  readonly maxRuns: number
  /** Connections, and bytes of answers that wait for their readers. */
  readonly trafficLimits: TrafficLimits
  /** The URL of the API for runs, without a trailing slash; null for the server's own address. */
  readonly apiUrl: string | null
  /** How long finished rows are kept, in days; 0 keeps them without limit. */
  readonly retention: { readonly logDays: number; readonly wakeDays: number; readonly runDays: number }
  readonly backups: BackupSettings
  /** Folders from which the board may import skills. */
  readonly skillFolders: readonly string[]
  /** The folder below which this server makes worktrees for runs; null for none. */
  readonly worktreeFolder: string | null
  /** How local agents are kept from this server; the account they run under, and what all of them may use. */
  readonly agents: { readonly isolation: IsolationMode; readonly user: string | null; readonly paths: readonly AllowedPath[] }
  /** The quotas of an agent, and of the agents of a company together. */
  readonly quotas: Quotas
  /** The bearer token with which scrapers on other machines read `/metrics`; null refuses all of them. */
  readonly metricsToken: string | null
  /** Origins of other servers whose pages may send requests with a bearer. */
  readonly allowedOrigins: readonly string[]
  /** The contact of the operator for reports of faults; null for none. */
  readonly securityContact: string | null
  /** Whether the board needs its token on this machine. */
  readonly board: BoardChoice
  /** The token of the board; null creates one and keeps it in the home. */
  readonly boardToken: string | null
  readonly deployment: Deployment
  /** The prices of models. */
  readonly prices: Prices
  /** The file that they were read from, which is read again on SIGHUP; null for none. */
  readonly pricesFile: string | null
  /** The master keys of secrets, separated by commas, the wanted one first; null keeps one in the home. */
  readonly secretsMasterKey: string | null
  /** The file of variables from which secrets may take their values; null for none. */
  readonly secretsEnvFile: string | null
}

/** With fewer, a company's agents, event streams and people would not fit. */
export const MIN_CONNECTIONS = 100

const DEFAULT_HOME = path.join(homedir(), '.paperclip-server')
/** More than a machine has processors for; each worker has a pool of connections. */
const MAX_WORKERS = 64

/** Every setting, as the environment has it. */
export const environment = z.object({
  PORT: integerBetween(0, 65_535, 3100),
  HOST: z.string().min(1).optional(),
  PAPERCLIP_BIND: z.enum(bindPresets).optional(),
  PAPERCLIP_DEPLOYMENT_MODE: z.enum(deploymentModes).default('local_trusted'),
  PAPERCLIP_DEPLOYMENT_EXPOSURE: z.enum(deploymentExposures).default('private'),
  PAPERCLIP_PUBLIC_URL: webUrl.optional(),
  PAPERCLIP_TRUSTED_PROXIES: commaSeparated.pipe(z.array(z.string().refine(isSubnet, 'must be addresses or subnets'))).default([]),
  PAPERCLIP_AUTH_DISABLE_SIGN_UP: flag,
  BETTER_AUTH_SECRET: secretList.optional(),
  ...oidcVariables,
  ...traceVariables,
  DATABASE_URL: postgresUrl.optional(),
  DATABASE_OWNER_URL: postgresUrl.optional(),
  PAPERCLIP_HOME: z.string().min(1).default(DEFAULT_HOME),
  PAPERCLIP_AGENT_JWT_SECRET: secretOf(SECRET_MIN_LENGTH).optional(),
  PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: secretOf(SECRET_MIN_LENGTH).optional(),
  PAPERCLIP_AGENT_JWT_ALG: z.enum(tokenAlgorithms).default('HS256'),
  PAPERCLIP_AGENT_JWT_KEYS: runKeysText.optional(),
  PAPERCLIP_AGENT_JWT_TTL_SECONDS: integerBetween(60, MAX_TOKEN_SECONDS, 172_800),
  PAPERCLIP_AGENT_JWT_ISSUER: z.string().min(1).default('paperclip'),
  PAPERCLIP_AGENT_JWT_AUDIENCE: z.string().min(1).default('paperclip-api'),
  PAPERCLIP_METRICS_TOKEN: secretOf(METRICS_TOKEN_MIN_LENGTH).regex(/^\S*$/, 'must have no spaces').optional(),
  PAPERCLIP_ALLOWED_ORIGINS: commaSeparated
    .pipe(z.array(z.string().refine(isOrigin, 'must be origins such as https://example.com')))
    .default([]),
  PAPERCLIP_SECURITY_CONTACT: z
    .string()
    .regex(/^(?:mailto:|https:\/\/|tel:)[\x21-\x7e]+$/, 'must be a mailto:, https: or tel: URL')
    .optional(),
  PAPERCLIP_BOARD: z.enum(['auto', 'implicit', 'token']).default('auto'),
  PAPERCLIP_BOARD_TOKEN: boardToken.optional(),
  PAPERCLIP_ALLOWED_HOSTNAMES: inFile(listShape, z.string()).default(''),
  PAPERCLIP_ADAPTERS: commaSeparated.pipe(z.array(z.enum(adapterTypes, `must be of ${adapterTypes.join(' ')}`))).optional(),
  PAPERCLIP_ADAPTER_ADDRESSES: commaSeparated
    .pipe(z.array(z.string().refine(isAllowEntry, 'must be addresses, subnets or host names')))
    .default([]),
  PAPERCLIP_AUDIT_WITNESS_DIR: z.string().min(1).optional(),
  PAPERCLIP_AUDIT_WITNESS_URL: webUrl.optional(),
  ...backupVariables,
  PAPERCLIP_KEEP_LOG_DAYS: integerBetween(0, MAX_DAYS, 30),
  PAPERCLIP_KEEP_WAKE_DAYS: integerBetween(0, MAX_DAYS, 30),
  PAPERCLIP_KEEP_RUN_DAYS: integerBetween(0, MAX_DAYS, 90),
  PAPERCLIP_MAX_RUNS: integerBetween(1, MAX_RUNS, 16),
  PAPERCLIP_WORKERS: integerBetween(1, MAX_WORKERS, 1),
  ...quotaVariables('AGENT', defaultQuotas.agent),
  ...quotaVariables('COMPANY', defaultQuotas.company),
  PAPERCLIP_MAX_CONNECTIONS: integerBetween(MIN_CONNECTIONS, 100_000, MAX_CONNECTIONS),
  PAPERCLIP_UNREAD_MB: integerBetween(32, 16_384, MAX_UNREAD_BYTES / MEGABYTE),
  PAPERCLIP_API_URL: webUrl.optional(),
  PAPERCLIP_PRICES_FILE: z.string().min(1).optional(),
  PAPERCLIP_SECRETS_MASTER_KEY: masterKeysText.optional(),
  PAPERCLIP_SECRETS_ENV_FILE: z.string().min(1).optional(),
  PAPERCLIP_AGENT_ISOLATION: z.enum(isolationModes).default('auto'),
  PAPERCLIP_AGENT_USER: z
    .string()
    .regex(/^[A-Za-z0-9_][\w.-]{0,63}$/, 'must be the name or the number of an account')
    .optional(),
  PAPERCLIP_AGENT_PATHS: allowedPaths.default([]),
  PAPERCLIP_SKILL_FOLDERS: skillFolders.default([]),
  PAPERCLIP_WORKTREE_FOLDER: worktreeFolder.optional(),
  PAPERCLIP_LOG_FILE: z.string().min(1).optional(),
  PAPERCLIP_UPGRADE_BACKUP: z.enum(['file', 'none']).default('file'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
})

/** The names of all variables of this server. */
export const variableNames: readonly string[] = [...Object.keys(environment.shape), ...secretFileVariables]

const quotaFrom = (values: z.output<typeof environment>, party: 'AGENT' | 'COMPANY'): Quota => ({
  openRuns: values[`PAPERCLIP_${party}_OPEN_RUNS`],
  wakesPerHour: values[`PAPERCLIP_${party}_WAKES_PER_HOUR`],
  requestsPerSecond: values[`PAPERCLIP_${party}_REQUESTS_PER_SECOND`],
  requestBurst: values[`PAPERCLIP_${party}_REQUEST_BURST`],
  bytesPerHour: Math.min(NO_LIMIT, values[`PAPERCLIP_${party}_MB_PER_HOUR`] * MEGABYTE),
})

const deploymentOf = (values: z.output<typeof environment>): Deployment => ({
  mode: values.PAPERCLIP_DEPLOYMENT_MODE,
  exposure: values.PAPERCLIP_DEPLOYMENT_EXPOSURE,
  publicUrl: values.PAPERCLIP_PUBLIC_URL?.replace(/\/+$/, '') ?? null,
  allowsSignUp: !values.PAPERCLIP_AUTH_DISABLE_SIGN_UP,
  secrets: values.BETTER_AUTH_SECRET ?? null,
  trustedProxies: values.PAPERCLIP_TRUSTED_PROXIES,
  oidc: oidcOf(values),
})

/** The settings of the deployment and of the sign-in that contradict each other, one sentence each. */
const contradictionsOf = (values: z.output<typeof environment>, deployment: Deployment): string[] => [
  ...deploymentProblems({ ...deployment, board: values.PAPERCLIP_BOARD }),
  ...worktreeFolderProblems(values.PAPERCLIP_WORKTREE_FOLDER, values.PAPERCLIP_HOME),
  ...oidcProblems(values, deployment),
]

/** The names of this server beyond those of loopback; the public address has one. */
const hostnamesOf = ({ PAPERCLIP_ALLOWED_HOSTNAMES: listed, PAPERCLIP_PUBLIC_URL: publicUrl }: z.output<typeof environment>): string[] =>
  [...listed.split(','), ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname])]
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')

const trafficLimitsOf = (values: z.output<typeof environment>): TrafficLimits => ({
  connections: { max: values.PAPERCLIP_MAX_CONNECTIONS },
  answers: { perProcess: values.PAPERCLIP_UNREAD_MB * MEGABYTE },
})

const retentionOf = (values: z.output<typeof environment>): Config['retention'] => ({
  logDays: values.PAPERCLIP_KEEP_LOG_DAYS,
  wakeDays: values.PAPERCLIP_KEEP_WAKE_DAYS,
  runDays: values.PAPERCLIP_KEEP_RUN_DAYS,
})

const agentsOf = (values: z.output<typeof environment>): Config['agents'] => ({
  isolation: values.PAPERCLIP_AGENT_ISOLATION,
  user: values.PAPERCLIP_AGENT_USER ?? null,
  paths: values.PAPERCLIP_AGENT_PATHS,
})

/** The configuration, or every problem in it. Problems do not repeat values, because a value may be a secret. */
export type ConfigResult = { readonly config: Config } | { readonly problems: readonly string[] }

/** The problems of names, of values, and of variables that need each other. */
function problemsOf(present: Readonly<Record<string, string | undefined>>, issues: readonly z.core.$ZodIssue[]): string[] {
  const problems = unknownVariables(present, variableNames)
  problems.push(...issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`))
  if (present['DATABASE_OWNER_URL'] !== undefined && present['DATABASE_URL'] === undefined)
    problems.push('DATABASE_OWNER_URL: needs DATABASE_URL, the login that the server works with')
  return problems
}

/** The home in which this server keeps its files, before anything else of the configuration is known. */
export function homeOf(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['PAPERCLIP_HOME']
  return path.resolve(given === undefined || given === '' ? DEFAULT_HOME : given)
}

/**
 * Reads the configuration from environment variables and from the file of the home, which they precede, and secrets from the files that
 * `NAME_FILE` settings name; an empty variable counts as unset.
 * @param file what `readConfigFile` found in the home
 * @returns the frozen config, or one line per problem
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>, file: ConfigFile = NO_CONFIG_FILE): ConfigResult {
  const { values: layered, fromFile } = layerSettings(env, file)
  const result = readSettings(layered)
  if ('config' in result && file.problems.length === 0) return result
  const problems = 'problems' in result ? result.problems : []
  const located = problems.map((problem) => (fromFile.has(problem.split(':', 1)[0] ?? '') ? `${file.path}: ${problem}` : problem))
  return { problems: [...file.problems, ...located] }
}

function readSettings(env: Readonly<Record<string, string | undefined>>): ConfigResult {
  const secrets = resolveSecretFiles(env)
  const present = Object.fromEntries(
    Object.entries(secrets.values).filter(([name, value]) => value !== undefined && (value !== '' || mayBeEmpty(name))),
  )
  const parsed = environment.safeParse(present)
  const problems = [...secrets.problems, ...problemsOf(present, parsed.error?.issues ?? [])]
  if (!parsed.success || problems.length > 0) return { problems }
  const values = parsed.data
  const deployment = deploymentOf(values)
  const listen = hostOf({ bind: values.PAPERCLIP_BIND ?? null, host: values.HOST ?? null })
  const contradictions = [...('problem' in listen ? [listen.problem] : []), ...contradictionsOf(values, deployment)]
  const priced = readPrices(values.PAPERCLIP_PRICES_FILE)
  if ('problems' in priced) contradictions.push(...priced.problems)
  const traced = traceSettings(values)
  if ('problems' in traced) contradictions.push(...traced.problems)
  if ('problem' in listen || 'problems' in priced || 'problems' in traced || contradictions.length > 0) return { problems: contradictions }
  return {
    config: Object.freeze({
      port: values.PORT,
      host: listen.host,
      workers: values.PAPERCLIP_WORKERS,
      databaseUrl: values.DATABASE_URL ?? null,
      databaseOwnerUrl: values.DATABASE_OWNER_URL ?? null,
      home: path.resolve(values.PAPERCLIP_HOME),
      ...runTokenSettings(values),
      witnessFolder: values.PAPERCLIP_AUDIT_WITNESS_DIR === undefined ? null : path.resolve(values.PAPERCLIP_AUDIT_WITNESS_DIR),
      witnessUrl: values.PAPERCLIP_AUDIT_WITNESS_URL ?? null,
      logLevel: values.LOG_LEVEL,
      makesUpgradeBackup: values.PAPERCLIP_UPGRADE_BACKUP === 'file',
      logFile: values.PAPERCLIP_LOG_FILE === undefined ? null : path.resolve(values.PAPERCLIP_LOG_FILE),
      traces: traced.traces,
      allowedHostnames: hostnamesOf(values),
      adapters: values.PAPERCLIP_ADAPTERS ?? null,
      adapterAddresses: values.PAPERCLIP_ADAPTER_ADDRESSES,
      maxRuns: values.PAPERCLIP_MAX_RUNS,
      trafficLimits: trafficLimitsOf(values),
      apiUrl: values.PAPERCLIP_API_URL?.replace(/\/+$/, '') ?? null,
      retention: retentionOf(values),
      backups: backupSettingsOf(values),
      skillFolders: values.PAPERCLIP_SKILL_FOLDERS,
      worktreeFolder: values.PAPERCLIP_WORKTREE_FOLDER ?? null,
      agents: agentsOf(values),
      quotas: { agent: quotaFrom(values, 'AGENT'), company: quotaFrom(values, 'COMPANY') },
      metricsToken: values.PAPERCLIP_METRICS_TOKEN ?? null,
      allowedOrigins: values.PAPERCLIP_ALLOWED_ORIGINS,
      securityContact: values.PAPERCLIP_SECURITY_CONTACT ?? null,
      board: values.PAPERCLIP_BOARD,
      boardToken: values.PAPERCLIP_BOARD_TOKEN ?? null,
      deployment,
      prices: priced.prices,
      pricesFile: values.PAPERCLIP_PRICES_FILE ?? null,
      secretsMasterKey: values.PAPERCLIP_SECRETS_MASTER_KEY ?? null,
      secretsEnvFile: values.PAPERCLIP_SECRETS_ENV_FILE === undefined ? null : path.resolve(values.PAPERCLIP_SECRETS_ENV_FILE),
    }),
  }
}

/** The version of this build, from package.json. */
export const version: string = (JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string })
  .version
