// Checks a configuration before an agent is created with it: what its runs would use of this host and of the network.
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import path from 'node:path'
import { redact } from '../platform/kernel/redact.ts'
import { truncate } from '../platform/kernel/text.ts'
import { namedTexts } from './command.ts'
import type { CommandHost } from './command.ts'
import type { CommandRequirements, Requirements } from './adapter.ts'
import type { SecretReference } from './config.ts'
import { hostOf, resolveBySystem } from './httpRequest.ts'
import type { Resolve, Resolved } from './httpRequest.ts'
import { MAX_INSTRUCTIONS_BYTES } from './prompt.ts'
import { settlesWithin } from '../platform/kernel/timeout.ts'
import type { WebhookHost } from './webhook.ts'

/** The result of one check. */
export interface Check {
  readonly code: string
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  /** The subject of the check, such as a path or a name; never a value of an environment or a header. */
  readonly detail: string | null
  /** How a person can correct it. */
  readonly hint: string | null
}

/** Texts of a configuration are shown shortened, and without parts that look like a secret. */
const MAX_SHOWN_LENGTH = 300
const redactedExcerpt = (text: string): string => redact(truncate(text, MAX_SHOWN_LENGTH))

export const check = (level: Check['level'], code: string, message: string, extras: { detail?: string; hint?: string } = {}): Check => ({
  code,
  level,
  message: redactedExcerpt(message),
  detail: extras.detail === undefined ? null : redactedExcerpt(extras.detail),
  hint: extras.hint ?? null,
})

/** A person reads the list, so each kind of check is limited. */
const MAX_CHECKS_PER_KIND = 20

/** One check for each text, and one more that counts the texts beyond the limit. */
export function checkEach(level: Check['level'], code: string, texts: readonly string[]): Check[] {
  const listed = texts.slice(0, MAX_CHECKS_PER_KIND).map((text) => check(level, code, text))
  const rest = texts.length - listed.length
  return rest === 0 ? listed : [...listed, check(level, code, `And ${rest} more`)]
}

/** One warning for each stored secret that a run needs. */
export const checkSecrets = (secrets: readonly SecretReference[]): Check[] =>
  checkEach(
    'info',
    'secret_needed',
    secrets.map(({ path: configPath }) => `${configPath} gets the value of a stored secret when a run starts: without it no run starts`),
  )

/** Checks what runs would use. It executes nothing, reads no file and opens no connection. */
export const checkRequirements = (requirements: Requirements, host: CommandHost, webhooks: WebhookHost): Promise<Check[]> =>
  'url' in requirements ? checkUrl(requirements.url, webhooks) : checkCommandRequirements(requirements, host)

async function checkCommandRequirements(requirements: CommandRequirements, host: CommandHost): Promise<Check[]> {
  const folder = requirements.cwd ?? host.workFolder
  const checks = await Promise.all([
    checkFolder(folder),
    checkCommand(requirements, host, folder),
    checkInstructions(requirements.instructions),
  ])
  return [
    ...checks.flat(),
    ...checkIsolation(requirements, host),
    check('info', 'not_executed', 'Nothing was executed: the first run shows whether the program works and is logged in'),
  ]
}

/** No agent: the configuration may be for one that is not hired yet. */
const ANY_AGENT = '00000000-0000-4000-8000-000000000000'

function checkIsolation(requirements: CommandRequirements, host: CommandHost): Check[] {
  const problems = isolationProblems(requirements, host, ANY_AGENT)
  // The banner, the health and the log say that agents are not isolated here.
  if (problems === null) return []
  if (problems.length > 0) return checkEach('error', 'isolation_lacks', problems)
  return [check('info', 'isolated', `Runs are isolated: ${host.launcher?.isolation.reason}`)]
}

/**
 * The paths that isolation would keep from the runs of an agent, each with the one setting that changes it. Null where commands are
 * not isolated.
 */
export function isolationProblems(
  { command, cwd, env, namedArgs, needs }: CommandRequirements,
  { launcher = null, environment: server }: CommandHost,
  agentId: string,
): readonly string[] | null {
  if (launcher === null) return null
  const environment = Object.fromEntries(Object.entries(server).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
  const given = env?.['PATH']
  const searchPath = typeof given === 'string' ? { PATH: given } : given?.type === 'plain' ? { PATH: given.value } : {}
  const named = namedTexts(namedArgs, env, needs, environment)
  return launcher.check({ agentId, command, cwd: cwd ?? null, environment: { ...environment, ...searchPath }, named, needs })
}

const isFolder = async (file: string): Promise<boolean> => (await stat(file).catch(() => null))?.isDirectory() === true
const isFile = async (file: string): Promise<boolean> => (await stat(file).catch(() => null))?.isFile() === true
const isExecutable = async (file: string): Promise<boolean> =>
  await access(file, constants.X_OK).then(
    () => true,
    () => false,
  )

async function checkFolder(folder: string): Promise<Check[]> {
  if (await isFolder(folder)) return [check('info', 'folder_found', 'The working folder exists', { detail: folder })]
  return [
    check('error', 'folder_missing', 'The working folder does not exist', {
      detail: folder,
      hint: 'Create it, or configure another one as cwd',
    }),
  ]
}

async function checkInstructions(file: string | undefined): Promise<Check[]> {
  if (file === undefined) return []
  const facts = await stat(file).catch(() => null)
  if (facts?.isFile() === true && facts.size > MAX_INSTRUCTIONS_BYTES)
    return [
      check('error', 'instructions_too_long', `The instructions file is longer than ${MAX_INSTRUCTIONS_BYTES} bytes`, {
        detail: file,
      }),
    ]
  if (facts?.isFile() === true) return [check('info', 'instructions_found', 'The instructions file exists', { detail: file })]
  return [check('error', 'instructions_missing', 'The instructions file does not exist', { detail: file })]
}

/** Where the system searches for commands without a PATH. */
const DEFAULT_PATH = '/bin:/usr/bin'
/** How many folders of a PATH are searched; a longer PATH is a mistake. */
const MAX_PATH_FOLDERS = 200

/** The PATH of a run's command, or null when it is a stored secret. */
function searchPathOf({ env }: CommandRequirements, host: CommandHost): string | null {
  const given = env?.['PATH']
  if (given === undefined) return host.environment['PATH'] ?? DEFAULT_PATH
  if (typeof given === 'string') return given
  return given.type === 'plain' ? given.value : null
}

async function checkCommand(requirements: CommandRequirements, host: CommandHost, folder: string): Promise<Check[]> {
  const { command } = requirements
  const searchPath = searchPathOf(requirements, host)
  const isPath = command.includes('/')
  if (!isPath && searchPath === null)
    return [check('warn', 'command_unknown', 'Whether the command is found depends on a stored secret', { detail: command })]
  // As the system does: relative to the working folder, in the order of the PATH, the first file that can be executed.
  const candidates = isPath
    ? [command]
    : (searchPath ?? '').split(':', MAX_PATH_FOLDERS).map((each) => path.join(each === '' ? '.' : each, command))
  let exists = false
  for (const candidate of candidates) {
    const file = path.resolve(folder, candidate)
    if (!(await isFile(file))) continue
    exists = true
    if (await isExecutable(file)) return [check('info', 'command_found', `${command} is found`, { detail: file })]
  }
  if (exists) return [check('error', 'command_not_executable', `${command} exists, but this server may not execute it`)]
  const where = isPath ? 'The file does not exist' : 'No folder in the PATH of runs contains it'
  return [
    check('error', 'command_missing', `${command} is not found`, { detail: where, hint: 'Install it, or configure its absolute path' }),
  ]
}

/** A slower lookup would delay every run, too. */
const LOOKUP_TIMEOUT_MS = 3_000

async function resolveAddresses(host: string, resolve: Resolve): Promise<readonly Resolved[]> {
  if (isIP(host) !== 0) return [{ address: host, family: isIP(host) }]
  const lookup = resolve(host).catch(() => [])
  return (await settlesWithin(lookup, LOOKUP_TIMEOUT_MS)) ? await lookup : []
}

async function checkUrl(url: URL, { policy, resolve = resolveBySystem }: WebhookHost): Promise<Check[]> {
  const host = hostOf(url)
  const addresses = await resolveAddresses(host, resolve)
  const notSent = check('info', 'not_connected', 'Nothing was sent: the first run shows whether the agent answers')
  const detail = url.host
  if (addresses.length === 0)
    return [check('warn', 'address_unknown', 'The host of the URL could not be resolved', { detail, hint: 'Check its spelling' }), notSent]
  if (addresses.some(({ address }) => policy.permits(host, address)))
    return [check('info', 'address_allowed', 'This server may connect to the address of the URL', { detail }), notSent]
  return [
    check('error', 'address_refused', 'This server does not connect to this address, because it is not public', {
      detail,
      hint: 'The operator can allow it with PAPERCLIP_ADAPTER_ADDRESSES',
    }),
    notSent,
  ]
}
