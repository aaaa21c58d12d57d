// The sign-in at an OpenID provider: its variables, and which of them need each other. Pure: settings in, decision out.

import { z } from 'zod'
import { commaSeparated } from './settingKinds.ts'
import type { OidcSettings } from '../org/people/index.ts'
import type { Deployment } from './deployment.ts'

const loopbackNames: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Whether a text names an issuer (OpenID Connect Discovery §3), over TLS unless it is on this machine. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text) || /[?#]/.test(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && loopbackNames.has(hostname))
}

const domain = z.string().regex(/^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]$/, 'must be domains such as example.com')

/** A list of nothing would let every domain in, so it is refused. */
const domains = commaSeparated.pipe(z.array(domain).min(1, 'must name a domain'))

/** The variables, for the schema of the environment. */
export const oidcVariables = {
  PAPERCLIP_OIDC_ISSUER: z
    .string()
    .refine(isIssuer, 'must be the https URL of a provider without query and password; http only for a loopback address')
    .optional(),
  PAPERCLIP_OIDC_CLIENT_ID: z.string().min(1).max(255).optional(),
  PAPERCLIP_OIDC_CLIENT_SECRET: z.string().min(1).optional(),
  PAPERCLIP_OIDC_ALLOWED_DOMAINS: domains.optional(),
}

type Values = Readonly<z.output<z.ZodObject<typeof oidcVariables>>>

const names = Object.keys(oidcVariables) as readonly (keyof typeof oidcVariables)[]

/** A sentence when the variables contradict each other or the mode; none when they fit. */
export function oidcProblems(values: Values, { mode }: Pick<Deployment, 'mode'>): string[] {
  const [first] = names.filter((name) => values[name] !== undefined)
  if (first === undefined) return []
  if (mode === 'local_trusted') return [`${first}: needs PAPERCLIP_DEPLOYMENT_MODE=authenticated, where people sign in`]
  if (values.PAPERCLIP_OIDC_ISSUER === undefined) return [`${first}: needs PAPERCLIP_OIDC_ISSUER, the provider that it is about`]
  if (values.PAPERCLIP_OIDC_CLIENT_ID === undefined)
    return ['PAPERCLIP_OIDC_ISSUER: needs PAPERCLIP_OIDC_CLIENT_ID, the name of this server at the provider']
  return []
}

/** The settings of the provider; null without one. */
export function oidcOf(values: Values): OidcSettings | null {
  const { PAPERCLIP_OIDC_ISSUER: issuer, PAPERCLIP_OIDC_CLIENT_ID: clientId } = values
  if (issuer === undefined || clientId === undefined) return null
  return {
    issuer,
    clientId,
    clientSecret: values.PAPERCLIP_OIDC_CLIENT_SECRET ?? null,
    allowedDomains: values.PAPERCLIP_OIDC_ALLOWED_DOMAINS ?? null,
  }
}
