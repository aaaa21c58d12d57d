import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import path from 'node:path'
import { redact } from '../kernel/redact.ts'
import { shorten } from '../kernel/text.ts'
import type { CommandHost } from './command.ts'
import type { Binding, SecretReference } from './config.ts'
import { hostOf, resolveBySystem } from './outbound.ts'
import type { Resolve, Resolved } from './outbound.ts'
import { LONGEST_INSTRUCTIONS_BYTES } from './prompt.ts'
import { settlesWithin } from './waiting.ts'
import type { WebhookHost } from './webhook.ts'

/** One thing that was looked at before an agent is trusted to a configuration. */
export interface Check {
  readonly code: string
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  /** What it is about: a place, a name; never a value of an environment or a header. */
  readonly detail: string | null
  /** What a person can do. */
  readonly hint: string | null
}

/** A command on this host that runs depend on. */
export interface CommandNeeds {
  readonly command: string
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, Binding>> | undefined
  /** A file that is read for every run. */
  readonly instructions?: string | undefined
}

/** What a run would use of this host or of the network. */
export type Needs = CommandNeeds | { readonly url: URL }

/** Texts of a configuration as they may be shown: short, and nothing in them that looks like a secret. */
const SHOWN_LENGTH = 300
const shown = (text: string): string => redact(shorten(text, SHOWN_LENGTH))

export const check = (level: Check['level'], code: string, message: string, extras: { detail?: string; hint?: string } = {}): Check => ({
  code,
  level,
  message: shown(message),
  detail: extras.detail === undefined ? null : shown(extras.detail),
  hint: extras.hint ?? null,
})

/** A list of what is wrong is for a person to read. */
const MOST_CHECKS_OF_A_KIND = 20

/** One check for each of many, and one more for those beyond what anybody reads. */
export function checkEach(level: Check['level'], code: string, texts: readonly string[]): Check[] {
  const told = texts.slice(0, MOST_CHECKS_OF_A_KIND).map((text) => check(level, code, text))
  const rest = texts.length - told.length
  return rest === 0 ? told : [...told, check(level, code, `And ${rest} more`)]
}

/** Says which stored secrets a run needs. */
export const checkSecrets = (secrets: readonly SecretReference[]): Check[] =>
  checkEach(
    'warn',
    'secret_needed',
    secrets.map(({ path: place }) => `${place} needs the value of a stored secret: without it no run starts`),
  )

/** Looks up what runs would use. Nothing is executed, nothing is read, nothing is connected to. */
export const examineNeeds = (needs: Needs, host: CommandHost, webhooks: WebhookHost): Promise<Check[]> =>
  'url' in needs ? examineUrl(needs.url, webhooks) : examineCommand(needs, host)

async function examineCommand(needs: CommandNeeds, host: CommandHost): Promise<Check[]> {
  const folder = needs.cwd ?? host.workFolder
  const checks = await Promise.all([checkFolder(folder), checkCommand(needs, host, folder), checkInstructions(needs.instructions)])
  return [
    ...checks.flat(),
    check('info', 'not_executed', 'Nothing was executed: whether the program works and is logged in shows with the first run'),
  ]
}

const isFolder = async (place: string): Promise<boolean> => (await stat(place).catch(() => null))?.isDirectory() === true
const isFile = async (place: string): Promise<boolean> => (await stat(place).catch(() => null))?.isFile() === true
const isExecutable = async (file: string): Promise<boolean> =>
  await access(file, constants.X_OK).then(
    () => true,
    () => false,
  )

async function checkFolder(folder: string): Promise<Check[]> {
  if (await isFolder(folder)) return [check('info', 'folder_found', 'The working folder exists', { detail: folder })]
  return [
    check('error', 'folder_missing', 'The working folder does not exist', { detail: folder, hint: 'Make it, or name another as cwd' }),
  ]
}

async function checkInstructions(file: string | undefined): Promise<Check[]> {
  if (file === undefined) return []
  const facts = await stat(file).catch(() => null)
  if (facts?.isFile() === true && facts.size > LONGEST_INSTRUCTIONS_BYTES)
    return [
      check('error', 'instructions_too_long', `The file of instructions is longer than ${LONGEST_INSTRUCTIONS_BYTES} bytes`, {
        detail: file,
      }),
    ]
  if (facts?.isFile() === true) return [check('info', 'instructions_found', 'The file of instructions exists', { detail: file })]
  return [check('error', 'instructions_missing', 'There is no such file of instructions', { detail: file })]
}

/** Where the system looks for commands when it is not told. */
const DEFAULT_PATH = '/bin:/usr/bin'
/** Folders of a PATH that are looked into; who has more has a mistake in it. */
const MOST_FOLDERS = 200

/** The PATH of a run's command, or null where it is a stored secret. */
function pathOf({ env }: CommandNeeds, host: CommandHost): string | null {
  const given = env?.['PATH']
  if (given === undefined) return host.environment['PATH'] ?? DEFAULT_PATH
  if (typeof given === 'string') return given
  return given.type === 'plain' ? given.value : null
}

async function checkCommand(needs: CommandNeeds, host: CommandHost, folder: string): Promise<Check[]> {
  const { command } = needs
  const searched = pathOf(needs, host)
  const isPlace = command.includes('/')
  if (!isPlace && searched === null)
    return [check('warn', 'command_unknown', 'Whether the command is found depends on a stored secret', { detail: command })]
  // As the system does it: in the folder the run works in, in the order of the PATH, the first that can be executed.
  const places = isPlace ? [command] : (searched ?? '').split(':', MOST_FOLDERS).map((each) => path.join(each === '' ? '.' : each, command))
  let isThere = false
  for (const place of places) {
    const file = path.resolve(folder, place)
    if (!(await isFile(file))) continue
    isThere = true
    if (await isExecutable(file)) return [check('info', 'command_found', `${command} is found`, { detail: file })]
  }
  if (isThere) return [check('error', 'command_not_executable', `${command} is there, but this server may not execute it`)]
  const where = isPlace ? 'There is no such file' : 'It is in no folder of the PATH that runs have'
  return [check('error', 'command_missing', `${command} is not found`, { detail: where, hint: 'Install it, or name the whole path of it' })]
}

/** A look-up that takes longer would make every run wait, too. */
const LOOKUP_MS = 3_000

async function addressesOf(host: string, resolve: Resolve): Promise<readonly Resolved[]> {
  if (isIP(host) !== 0) return [{ address: host, family: isIP(host) }]
  const looking = resolve(host).catch(() => [])
  return (await settlesWithin(LOOKUP_MS, looking)) ? await looking : []
}

async function examineUrl(url: URL, { policy, resolve = resolveBySystem }: WebhookHost): Promise<Check[]> {
  const host = hostOf(url)
  const addresses = await addressesOf(host, resolve)
  const notSent = check('info', 'not_connected', 'Nothing was sent: whether the agent answers shows with the first run')
  const detail = url.host
  if (addresses.length === 0)
    return [
      check('warn', 'address_unknown', 'The host of the URL could not be looked up', { detail, hint: 'See whether it is spelled right' }),
      notSent,
    ]
  if (addresses.some(({ address }) => policy.permits(host, address)))
    return [check('info', 'address_allowed', 'This server may connect to the address of the URL', { detail }), notSent]
  return [
    check('error', 'address_refused', 'This server does not connect there: the address is not public', {
      detail,
      hint: 'The operator can allow it with PAPERCLIP_ADAPTER_ADDRESSES',
    }),
    notSent,
  ]
}
