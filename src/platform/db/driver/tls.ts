// The meaning of `sslmode` in the URL of a database. The driver takes `require` and `verify-ca` for `verify-full`, and a slip in a mode for
// none; libpq falls back to plain text. Here each mode has one meaning, and what would be weaker than it sounds is refused.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { startProblem } from '../../kernel/startProblem.ts'
import type { ConnectionOptions } from './types.ts'

/** The modes, and how far each goes. */
const modes = {
  /** Plain text. */
  disable: 'plain',
  /** Encrypted, with no look at the certificate. Of the driver; libpq has it as `require` without `sslrootcert`. */
  'no-verify': 'unverified',
  /** Encrypted, and verified as `verify-full`: more than libpq asks for. */
  require: 'full',
  /** Encrypted, and the certificate has a signature of `sslrootcert`, for whatever name. */
  'verify-ca': 'authority',
  /** Encrypted, and the certificate has a known signature and the name of the host. */
  'verify-full': 'full',
} as const
type Mode = keyof typeof modes
type Protection = (typeof modes)[Mode]

const isMode = (text: string): text is Mode => Object.hasOwn(modes, text)

/** Modes of libpq that go on in plain text when a party on the way says that the server has no encryption. */
const opportunistic = ['allow', 'prefer']

/** Parameters that this file reads, and the driver is not to read once more in its own way. */
const parameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslnegotiation', 'ssl', 'uselibpqcompat'] as const

/** The files of a connection, by what they have for the driver. */
interface Files {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

const CHOICES = 'disable, require, verify-ca or verify-full'

/** The mode that libpq and the driver use where a URL has none; undefined for none. */
const modeOfEnvironment = (): string | undefined => (process.env['PGSSLMODE'] === '' ? undefined : process.env['PGSSLMODE'])

/**
 * The problem of the parameters of encryption in a URL.
 * @param fallback the mode where the URL has none
 * @returns a sentence without a value that may be secret; null when there is none
 */
export function tlsProblem(connectionString: string, fallback?: string): string | null {
  const asked = new URL(connectionString).searchParams
  const name = asked.has('sslmode') ? 'sslmode' : 'PGSSLMODE'
  const mode = asked.get('sslmode') ?? fallback
  if (!['postgres', 'direct'].includes(asked.get('sslnegotiation') ?? 'postgres')) return 'sslnegotiation must be postgres or direct'
  if (mode === undefined) return null
  if (opportunistic.includes(mode))
    return `${name}=${mode} would go on in plain text where a party on the way says that there is no encryption: use ${CHOICES}`
  if (!isMode(mode)) return `${name} must be ${CHOICES}`
  const root = asked.get('sslrootcert')
  if (mode === 'verify-ca' && (root === null || root === 'system'))
    return 'sslmode=verify-ca needs sslrootcert, the file with your authority: with the public ones it would accept the certificate of every stranger. Or use verify-full'
  return null
}

/** The mode of a URL whose parameters have no problem; null where it asks for no encryption. */
function modeOf({ searchParams: asked }: URL, fallback: string | undefined): Mode | null {
  const given = asked.get('sslmode') ?? fallback
  if (given !== undefined) return isMode(given) ? given : null
  if (asked.get('ssl') === 'no-verify') return 'no-verify'
  const asksWithoutMode = asked.has('sslrootcert') || asked.has('sslcert') || asked.get('sslnegotiation') === 'direct'
  return asksWithoutMode || ['true', '1'].includes(asked.get('ssl') ?? '') ? 'verify-full' : null
}

/** With `system`, as with no file, the authorities are those that Node knows. */
function filesOf({ searchParams: asked }: URL): Files {
  const files = { ca: asked.get('sslrootcert'), cert: asked.get('sslcert'), key: asked.get('sslkey') }
  return Object.fromEntries(Object.entries(files).filter(([name, file]) => (file ?? '') !== '' && !(name === 'ca' && file === 'system')))
}

function readPem(parameter: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw startProblem(
      `${parameter} of the URL of the database names ${file}, which cannot be read (${(error as NodeJS.ErrnoException).code})`,
      error,
    )
  }
}

const parameterOf = { ca: 'sslrootcert', cert: 'sslcert', key: 'sslkey' } as const

function tlsOptions(protection: Protection, files: Files): TlsOptions | false {
  if (protection === 'plain') return false
  const pems = Object.fromEntries(
    Object.entries(files).map(([name, file]) => [name, readPem(parameterOf[name as keyof typeof parameterOf], file)]),
  )
  if (protection === 'unverified') return { ...pems, rejectUnauthorized: false }
  return protection === 'authority' ? { ...pems, checkServerIdentity: () => undefined } : pems
}

/** Where a URL leads: a folder of sockets, or a host. */
const hostOf = (url: URL): string => url.searchParams.get('host') ?? decodeURIComponent(url.hostname)

const isSocket = (host: string): boolean => path.isAbsolute(host)

/**
 * The options of the driver, with encryption as `sslmode` asks for it and no other. A socket file of this machine is never encrypted, as with
 * libpq. Options without a URL are those of the embedded database, which has a socket file.
 * @param fallback the mode where the URL has none; that of the environment unless given
 * @throws an error with a sentence for the operator: a mode that is not understood, or a file that cannot be read
 */
export function withTls(options: ConnectionOptions, fallback = modeOfEnvironment()): ConnectionOptions {
  const { connectionString } = options
  if (connectionString === undefined) return { ...options, ssl: false }
  const url = new URL(connectionString)
  if (isSocket(hostOf(url))) return { ...withoutParameters(options, url), ssl: false }
  const problem = tlsProblem(connectionString, fallback)
  if (problem !== null) throw startProblem(problem)
  const mode = modeOf(url, fallback)
  const direct = url.searchParams.get('sslnegotiation') === 'direct' ? { sslnegotiation: 'direct' as const } : {}
  const ssl = mode === null ? false : tlsOptions(modes[mode], filesOf(url))
  return { ...withoutParameters(options, url), ...(ssl === false ? {} : direct), ssl }
}

/** The URL is left as it is where it has none of the parameters: writing it anew may change its spelling. */
function withoutParameters(options: ConnectionOptions, url: URL): ConnectionOptions {
  if (!parameters.some((name) => url.searchParams.has(name))) return options
  for (const name of parameters) url.searchParams.delete(name)
  return { ...options, connectionString: url.href }
}

/** How the connections to a database are protected on their way. */
export type Exposure = 'none' | 'plain' | 'unverified'

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?|)$/i

/**
 * The power of a party on the way to a database: to read all (`plain`), or take the place of the database (`unverified`). Within this machine
 * there is no such party.
 */
export function exposureOf(connectionString: string, fallback = modeOfEnvironment()): Exposure {
  const url = new URL(connectionString)
  const host = hostOf(url)
  if (isSocket(host) || LOOPBACK.test(host)) return 'none'
  const mode = modeOf(url, fallback)
  const protection = mode === null ? 'plain' : modes[mode]
  return protection === 'plain' || protection === 'unverified' ? protection : 'none'
}
