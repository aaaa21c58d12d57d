// Whether people sign in to this server, who reaches it, and by which address. Pure: settings in, decision out.

import { isIP } from 'node:net'
import type { BoardChoice } from '../auth/boardMode.ts'
import type { OidcSettings } from '../org/people/index.ts'

export const deploymentModes = ['local_trusted', 'authenticated'] as const
export const deploymentExposures = ['private', 'public'] as const
export const bindPresets = ['loopback', 'lan', 'custom'] as const

/** How this server is deployed. */
export interface Deployment {
  /** `local_trusted`: there is no sign-in. `authenticated`: people sign in. */
  readonly mode: (typeof deploymentModes)[number]
  readonly exposure: (typeof deploymentExposures)[number]
  /** The address by which people reach this server, without a slash at the end; null for that of this machine. */
  readonly publicUrl: string | null
  /** Whether new accounts can be made. */
  readonly allowsSignUp: boolean
  /** The secrets that sign sessions, the present one first; null creates one and keeps it in the home. */
  readonly secrets: readonly [string, ...string[]] | null
  /** Addresses and subnets of the proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** The OpenID provider at which people may sign in; null for none. */
  readonly oidc: OidcSettings | null
}

interface Listening {
  readonly bind: (typeof bindPresets)[number] | null
  /** Null when it is not given. */
  readonly host: string | null
}

interface DeploymentFacts extends Pick<Deployment, 'mode' | 'exposure' | 'publicUrl'> {
  readonly board: BoardChoice
}

const LOOPBACK = '127.0.0.1'
const EVERY_ADDRESS = '0.0.0.0'
export const loopbackHosts: ReadonlySet<string> = new Set([LOOPBACK, '::1', 'localhost'])
const wildcardHosts: ReadonlySet<string> = new Set([EVERY_ADDRESS, '::'])

/** The address to listen on, or why the preset and the address contradict each other. */
export function hostOf({ bind, host }: Listening): { readonly host: string } | { readonly problem: string } {
  if (bind === 'custom') return host === null ? { problem: 'PAPERCLIP_BIND: custom needs HOST, the address to listen on' } : { host }
  if (bind === null) return { host: host ?? LOOPBACK }
  const fits = bind === 'loopback' ? loopbackHosts : wildcardHosts
  if (host !== null && !fits.has(host)) return { problem: `PAPERCLIP_BIND: ${bind} contradicts HOST; leave one of them out` }
  return { host: host ?? (bind === 'loopback' ? LOOPBACK : EVERY_ADDRESS) }
}

/** One sentence for each contradiction in the settings; none when they fit together. */
export function deploymentProblems({ mode, exposure, publicUrl, board }: DeploymentFacts): string[] {
  const problems: string[] = []
  if (mode === 'local_trusted' && exposure === 'public')
    problems.push('PAPERCLIP_DEPLOYMENT_EXPOSURE: public needs PAPERCLIP_DEPLOYMENT_MODE=authenticated')
  if (exposure === 'public' && publicUrl?.startsWith('https:') !== true)
    problems.push('PAPERCLIP_PUBLIC_URL: must be an https URL where PAPERCLIP_DEPLOYMENT_EXPOSURE is public')
  if (mode === 'authenticated' && board === 'implicit')
    problems.push(
      'PAPERCLIP_BOARD: implicit contradicts PAPERCLIP_DEPLOYMENT_MODE=authenticated, where no request is the board without a credential',
    )
  return problems
}

/** Whether a text is an address or a subnet. */
export function isSubnet(entry: string): boolean {
  const [net = '', prefix, ...rest] = entry.split('/')
  const bits = isIP(net) === 4 ? 32 : 128
  return isIP(net) !== 0 && rest.length === 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits))
}
