import { isIP } from 'node:net'
import type { z } from 'zod'
import { adapterTypes } from '../model/adapterTypes.ts'
import type { AdapterType } from '../model/adapterTypes.ts'
import { failed, notStarted } from './adapter.ts'
import type { Adapter, Job, RunListener, StartedRun } from './adapter.ts'
import { addressPolicy } from './addresses.ts'
import type { AddressPolicy } from './addresses.ts'
import type { CommandHost } from './command.ts'
import { secretReferences } from './config.ts'
import type { SecretReference } from './config.ts'
import { check, checkEach, checkSecrets, checkRequirements, isolationProblems } from './preflight.ts'
import type { Check } from './preflight.ts'
import type { Requirements } from './adapter.ts'
import { fieldProblems } from './fieldProblems.ts'
import { httpAdapter } from './http.ts'
import { notIsolated } from './isolation/index.ts'
import type { Isolation } from './isolation/index.ts'
import { localAdapters } from './local.ts'
import { openclawAdapter } from './openclawGateway.ts'
import { hostOf, resolveBySystem } from './httpRequest.ts'
import type { Resolve } from './httpRequest.ts'
import { processAdapter } from './process.ts'

export interface AdapterOptions extends CommandHost {
  /** The types this server may run; null for all. */
  readonly allowedTypes: readonly AdapterType[] | null
  /** Addresses, subnets and host names that requests may go to although they are not public. */
  readonly allowedAddresses: readonly string[]
  /** Looks host names up; by default the system's resolver. */
  readonly resolve?: Resolve
  readonly answerLimitBytes?: number
}

export type ConfigCheck =
  | {
      readonly ok: true
      /** Names that are no fields of this adapter. They have no effect and are reported, so that a misspelled name is noticed. */
      readonly ignored: readonly string[]
      /** The secrets that `Job.secrets` must contain for a run. */
      readonly secrets: readonly SecretReference[]
    }
  | { readonly ok: false; readonly problems: readonly string[] }

/** To which addresses requests of this server may go. */
export interface Outbound {
  readonly policy: AddressPolicy
  readonly resolve: Resolve
}

/** The adapters of one server. No method throws or rejects: failures are values. */
export interface Adapters {
  /** The rule for all requests that go where a configuration says, whether to agents or to receivers of events. */
  readonly outbound: Outbound
  /** How commands are kept from this server. Requests to agents elsewhere start none. */
  readonly isolation: Pick<Isolation, 'kind' | 'reason'>
  /** The types this server may run. */
  readonly types: readonly AdapterType[]
  /** Whether this server has the adapter and its operator allows it. */
  readonly supports: (type: string) => type is AdapterType
  /** The problems of a configuration, or what it needs. */
  readonly validateConfig: (type: string, config: unknown) => ConfigCheck
  /**
   * Reports what would prevent a run from starting. It executes nothing and opens no connection. Null for an unknown type.
   * @param includesHostChecks also checks the files and addresses that the configuration names: only for callers who may decide
   *   what this host opens (I18)
   */
  readonly runPreflight: (type: string, config: unknown, includesHostChecks: boolean) => Promise<readonly Check[] | null>
  /**
   * The checks of a configuration that are no good news, for the answer to the request that stores it. No host name is looked up: the
   * answer does not wait for a name server.
   * @param includesHostChecks as for `runPreflight`
   */
  readonly listWarnings: (type: string, config: Readonly<Record<string, unknown>>, includesHostChecks: boolean) => Promise<readonly Check[]>
  /**
   * The paths that isolation would keep from the runs of an agent, each with the one setting that changes it; empty when it lacks nothing. Null
   * where nothing is isolated: for agents elsewhere, for types that this server does not run, and on a host without isolation.
   */
  readonly isolationProblems: (type: string, config: unknown, agentId: string) => readonly string[] | null
  /** Starts a run, or ends it at once with the problem as its error. */
  readonly start: (type: string, job: Job, listener: RunListener) => StartedRun
}

/** An adapter that validates its own configuration, so that its type parameter is hidden. */
interface TypedAdapter {
  checkConfig(config: unknown): ConfigCheck
  /** The files and addresses that runs would use; null when the configuration is invalid. */
  requirements(config: unknown): Requirements | null
  start(job: Job, listener: RunListener): StartedRun
}

function typedAdapter<Config>({ schema, requirements, start }: Adapter<Config>): TypedAdapter {
  return {
    checkConfig(config) {
      const parsed = schema.safeParse(config ?? {})
      if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error) }
      const known = new Set(Object.keys((schema as unknown as { shape?: object }).shape ?? {}))
      const ignored = Object.keys((config ?? {}) as object).filter((name) => !known.has(name))
      return { ok: true, ignored, secrets: secretReferences(parsed.data) }
    },
    requirements(config) {
      const parsed = schema.safeParse(config ?? {})
      return parsed.success ? requirements(parsed.data) : null
    },
    start(job, listener) {
      const parsed = schema.safeParse(job.adapterConfig ?? {})
      if (parsed.success) return start(job, parsed.data, listener)
      return notStarted(
        failed('adapter_config_invalid', `The adapter's configuration is not valid: ${problemsOf(parsed.error).join('; ')}`),
      )
    },
  }
}

const referencesNotChecked = check(
  'info',
  'not_looked_for',
  'Only the configuration was validated: files and addresses are checked for the board only',
)

const ignoredMessage = (name: string): string => `${name} is not a field of this adapter and has no effect`

/** The result of a validation as a list of checks. */
const checksOfConfig = (configCheck: ConfigCheck): Check[] =>
  configCheck.ok
    ? [
        check('info', 'config_valid', 'The configuration is valid'),
        ...checkEach('warn', 'config_ignored', configCheck.ignored.map(ignoredMessage)),
        ...checkSecrets(configCheck.secrets),
      ]
    : checkEach('error', 'config_invalid', configCheck.problems)

/** As `checksOfConfig`. A configuration that lacks only what this server would start is right for an agent that runs elsewhere. */
function checksOfFields(type: AdapterType, config: Readonly<Record<string, unknown>>, configCheck: ConfigCheck): Check[] {
  const { invalid, missing, ignored } = fieldProblems(type, config)
  if (configCheck.ok || invalid.length > 0) return checksOfConfig(configCheck)
  return [
    ...checkEach('warn', 'config_ignored', ignored.map(ignoredMessage)),
    check('warn', 'runs_elsewhere', `Without ${missing.join(', ')} this server starts no run of the agent`, {
      hint: `Configure ${missing.join(', ')}, unless the agent lives elsewhere and opens its runs itself; a queued run waits for it for a day at most`,
    }),
  ]
}

/** The path and the message of each problem. Values are not repeated: one of them may be a secret. */
const problemsOf = (error: z.ZodError): string[] => error.issues.map(({ path, message }) => `${path.join('.') || 'config'}: ${message}`)

/**
 * Creates the adapters of this server.
 * @throws when an entry of `allowedAddresses` is invalid
 */
export function createAdapters(options: AdapterOptions): Adapters {
  const policy = addressPolicy(options.allowedAddresses)
  const webhooks = { policy, resolve: options.resolve, answerLimitBytes: options.answerLimitBytes }
  const all: Readonly<Record<AdapterType, TypedAdapter>> = {
    process: typedAdapter(processAdapter(options)),
    http: typedAdapter(httpAdapter(webhooks)),
    claude_local: typedAdapter(localAdapters.claude_local(options)),
    codex_local: typedAdapter(localAdapters.codex_local(options)),
    gemini_local: typedAdapter(localAdapters.gemini_local(options)),
    opencode_local: typedAdapter(localAdapters.opencode_local(options)),
    pi_local: typedAdapter(localAdapters.pi_local(options)),
    cursor: typedAdapter(localAdapters.cursor(options)),
    openclaw_gateway: typedAdapter(openclawAdapter(webhooks)),
    hermes_local: typedAdapter(localAdapters.hermes_local(options)),
  }
  const types = adapterTypes.filter((type) => options.allowedTypes === null || options.allowedTypes.includes(type))
  const supports = (type: string): type is AdapterType => types.some((known) => known === type)
  const notAllowedMessage = (type: string): string => `This server does not run agents of the type ${type}`
  const isKnown = (type: string): type is AdapterType => adapterTypes.some((known) => known === type)
  const allowedCheck = (type: string): Check =>
    supports(type)
      ? check('info', 'adapter_allowed', `This server runs agents of the type ${type}`)
      : check('error', 'adapter_not_allowed', notAllowedMessage(type), { hint: 'The operator allows types with PAPERCLIP_ADAPTERS' })
  return {
    outbound: { policy, resolve: options.resolve ?? resolveBySystem },
    isolation: options.launcher?.isolation ?? notIsolated('this server starts commands without a launcher'),
    types,
    async runPreflight(type, config, includesHostChecks) {
      if (!isKnown(type)) return null
      const requirements = all[type].requirements(config)
      return [
        allowedCheck(type),
        ...checksOfConfig(all[type].checkConfig(config)),
        ...(requirements === null
          ? []
          : includesHostChecks
            ? await checkRequirements(requirements, options, webhooks)
            : [referencesNotChecked]),
      ]
    },
    async listWarnings(type, config, includesHostChecks) {
      if (!isKnown(type)) return []
      const requirements = all[type].requirements(config)
      const needsLookup = requirements !== null && 'url' in requirements && isIP(hostOf(requirements.url)) === 0
      const hostChecks =
        requirements !== null && includesHostChecks && !needsLookup ? await checkRequirements(requirements, options, webhooks) : []
      return [allowedCheck(type), ...checksOfFields(type, config, all[type].checkConfig(config)), ...hostChecks].filter(
        ({ level }) => level !== 'info',
      )
    },
    isolationProblems(type, config, agentId) {
      const requirements = supports(type) ? all[type].requirements(config) : null
      return requirements === null || 'url' in requirements ? null : isolationProblems(requirements, options, agentId)
    },
    supports,
    validateConfig: (type, config) => (supports(type) ? all[type].checkConfig(config) : { ok: false, problems: [notAllowedMessage(type)] }),
    start: (type, job, listener) =>
      supports(type) ? all[type].start(job, listener) : notStarted(failed('adapter_not_allowed', notAllowedMessage(type))),
  }
}
