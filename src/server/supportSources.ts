// The sources of a support bundle, on the host of a server.

import { readFileSync } from 'node:fs'
import { homedir, hostname, userInfo } from 'node:os'
import path from 'node:path'
import type { SupportSources } from '../observe/support/index.ts'
import { secretFiles } from '../platform/home/secretFiles.ts'
import { resolveSecretFiles, secretVariables } from './secretVariables.ts'

type Environment = Readonly<Record<string, string | undefined>>

function readOr(file: string, fallback: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return fallback
  }
}

/** The parts of a secret that are secrets by themselves: the items of a list, the values of headers, and the password of an address. */
function partsOf(secret: string): string[] {
  const items = secret.split(',').map((item) => item.trim())
  const values = items.map((item) => item.slice(item.indexOf('=') + 1))
  if (!URL.canParse(secret)) return [secret, ...items, ...values]
  const { password } = new URL(secret)
  return [secret, password, decodeURIComponent(password)]
}

/** Every secret of the server that this account can read. */
function knownSecrets(env: Environment, home: string): string[] {
  const { values } = resolveSecretFiles(env)
  const given = secretVariables.map((name) => values[name] ?? '')
  const kept = secretFiles.map((name) => readOr(path.join(home, name), ''))
  return [...new Set([...given, ...kept].filter((secret) => secret !== '').flatMap(partsOf))]
}

/** The name of the account; empty for a number without a name, as containers have it. */
function accountName(): string {
  try {
    return userInfo().username
  } catch {
    return ''
  }
}

/** How long an answer of the server may take, in milliseconds. */
const ANSWER_MS = 10_000

/** The facts that the command knows about its server. */
export interface SupportPlace {
  readonly version: string
  readonly env: Environment
  readonly home: string
  /** The address of the running server. */
  readonly url: string
  readonly onDatabase: SupportSources['onDatabase']
  readonly settings: unknown
  readonly readLog: SupportSources['readLog']
  readonly diagnose: SupportSources['diagnose']
}

/** The sources of a bundle on this host. Nothing is read yet but the secrets that must not be in it. */
export const supportSources = ({ env, home, url, ...given }: SupportPlace): SupportSources => ({
  ...given,
  home,
  known: { secrets: knownSecrets(env, home), accountFolder: homedir(), account: accountName(), machine: hostname() },
  // Without a credential: health needs none, and the metrics are for every program of this machine.
  askServer: async (asked) => {
    const answer = await fetch(`${url}${asked}`, { redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS) })
    const text = await answer.text()
    if (!answer.ok && answer.status !== 503) throw Object.assign(new Error('the server refused'), { code: String(answer.status) })
    return text
  },
})
