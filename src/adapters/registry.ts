import type { z } from 'zod'
import { failed, notStarted } from './adapter.ts'
import type { Adapter, Job, Listener, StartedRun } from './adapter.ts'
import { addressPolicy } from './addresses.ts'
import type { CommandHost } from './command.ts'
import { secretReferences } from './config.ts'
import type { SecretReference } from './config.ts'
import { check, checkEach, checkSecrets, examineNeeds } from './examine.ts'
import type { Check, Needs } from './examine.ts'
import { httpAdapter } from './http.ts'
import { localAdapters } from './local.ts'
import { openclawAdapter } from './openclawGateway.ts'
import type { Resolve } from './outbound.ts'
import { processAdapter } from './process.ts'

/** Every adapter this server has, in the order of the public wire. */
export const adapterTypes = [
  'process',
  'http',
  'claude_local',
  'codex_local',
  'gemini_local',
  'opencode_local',
  'pi_local',
  'cursor',
  'openclaw_gateway',
  'hermes_local',
] as const
export type AdapterType = (typeof adapterTypes)[number]

export interface AdapterOptions extends CommandHost {
  /** The types this server may run; null for all. */
  readonly allowedTypes: readonly AdapterType[] | null
  /** Addresses, subnets and host names that requests may go to although they are not public. */
  readonly allowedAddresses: readonly string[]
  /** Looks host names up; the system's resolver unless a test has its own. */
  readonly resolve?: Resolve
  readonly answerLimitBytes?: number
}

export type Judged =
  | {
      readonly ok: true
      /** Names that no field of this adapter has. They change nothing, and are told so that a slip is seen. */
      readonly ignored: readonly string[]
      /** What `Job.secrets` must carry for a run. */
      readonly secrets: readonly SecretReference[]
    }
  | { readonly ok: false; readonly problems: readonly string[] }

/** The adapters of one server. Nothing here throws or rejects: what goes wrong is a value. */
export interface Adapters {
  /** The types this server may run. */
  readonly types: readonly AdapterType[]
  /** Whether this server has the adapter and its operator allows it. */
  readonly supports: (type: string) => type is AdapterType
  /** What is wrong with a configuration, or what it needs. */
  readonly validateConfig: (type: string, config: unknown) => Judged
  /**
   * Tells what would keep a run from starting. Nothing is executed or connected to; null for a type that no server has.
   * @param isThorough also looks for what the configuration names on this host and in the network: only for who may
   *   decide what this host opens (I18)
   */
  readonly examine: (type: string, config: unknown, isThorough: boolean) => Promise<readonly Check[] | null>
  /** Starts a run, or ends it at once with what is wrong. */
  readonly start: (type: string, job: Job, listener: Listener) => StartedRun
}

/** An adapter whose configuration has become its own affair. */
interface Bound {
  judge(config: unknown): Judged
  /** What runs with a valid configuration would use. */
  needs(config: unknown): Needs | null
  start(job: Job, listener: Listener): StartedRun
}

function bound<Config>({ schema, needs, start }: Adapter<Config>): Bound {
  return {
    judge(config) {
      const parsed = schema.safeParse(config ?? {})
      if (!parsed.success) return { ok: false, problems: problemsOf(parsed.error) }
      const known = new Set(Object.keys((schema as unknown as { shape?: object }).shape ?? {}))
      const ignored = Object.keys((config ?? {}) as object).filter((name) => !known.has(name))
      return { ok: true, ignored, secrets: secretReferences(parsed.data) }
    },
    needs(config) {
      const parsed = schema.safeParse(config ?? {})
      return parsed.success ? needs(parsed.data) : null
    },
    start(job, listener) {
      const parsed = schema.safeParse(job.config ?? {})
      if (parsed.success) return start(job, parsed.data, listener)
      return notStarted(
        failed('adapter_config_invalid', `The adapter's configuration is not valid: ${problemsOf(parsed.error).join('; ')}`),
      )
    },
  }
}

const notLookedFor = check(
  'info',
  'not_looked_for',
  'Only the configuration was judged: what it names is looked for on behalf of the board alone',
)

/** A judgement as checks. */
const judgement = (judged: Judged): Check[] =>
  judged.ok
    ? [
        check('info', 'config_valid', 'The configuration is valid'),
        ...checkEach(
          'warn',
          'config_ignored',
          judged.ignored.map((name) => `${name} is no field of this adapter and changes nothing`),
        ),
        ...checkSecrets(judged.secrets),
      ]
    : checkEach('error', 'config_invalid', judged.problems)

/** Paths and what is wrong there. Values are not repeated: one of them may be a secret. */
const problemsOf = (error: z.ZodError): string[] => error.issues.map(({ path, message }) => `${path.join('.') || 'config'}: ${message}`)

/**
 * The adapters of this server.
 * @throws when an entry of `allowedAddresses` is none
 */
export function createAdapters(options: AdapterOptions): Adapters {
  const policy = addressPolicy(options.allowedAddresses)
  const webhooks = { policy, resolve: options.resolve, answerLimitBytes: options.answerLimitBytes }
  const all: Readonly<Record<AdapterType, Bound>> = {
    process: bound(processAdapter(options)),
    http: bound(httpAdapter(webhooks)),
    claude_local: bound(localAdapters.claude_local(options)),
    codex_local: bound(localAdapters.codex_local(options)),
    gemini_local: bound(localAdapters.gemini_local(options)),
    opencode_local: bound(localAdapters.opencode_local(options)),
    pi_local: bound(localAdapters.pi_local(options)),
    cursor: bound(localAdapters.cursor(options)),
    openclaw_gateway: bound(openclawAdapter(webhooks)),
    hermes_local: bound(localAdapters.hermes_local(options)),
  }
  const types = adapterTypes.filter((type) => options.allowedTypes === null || options.allowedTypes.includes(type))
  const supports = (type: string): type is AdapterType => types.some((known) => known === type)
  const refusal = (type: string): string => `This server does not run agents of the type ${type}`
  const isKnown = (type: string): type is AdapterType => adapterTypes.some((known) => known === type)
  const allowed = (type: string): Check =>
    supports(type)
      ? check('info', 'adapter_allowed', `This server runs agents of the type ${type}`)
      : check('error', 'adapter_not_allowed', refusal(type), { hint: 'The operator allows types with PAPERCLIP_ADAPTERS' })
  return {
    types,
    async examine(type, config, isThorough) {
      if (!isKnown(type)) return null
      const needs = all[type].needs(config)
      return [
        allowed(type),
        ...judgement(all[type].judge(config)),
        ...(needs === null ? [] : isThorough ? await examineNeeds(needs, options, webhooks) : [notLookedFor]),
      ]
    },
    supports,
    validateConfig: (type, config) => (supports(type) ? all[type].judge(config) : { ok: false, problems: [refusal(type)] }),
    start: (type, job, listener) =>
      supports(type) ? all[type].start(job, listener) : notStarted(failed('adapter_not_allowed', refusal(type))),
  }
}
