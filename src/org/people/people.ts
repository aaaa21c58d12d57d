import { createPersonSessions } from '../../auth/personSessions.ts'
import type { PersonSessions } from '../../auth/personSessions.ts'
import type { Flows } from './flows.ts'
import type { Oidc } from './oidc/oidc.ts'
import type { PeopleSettings } from './peopleSettings.ts'

/** How people sign in to this server. */
export interface People {
  readonly sessions: PersonSessions
  readonly flows: Flows
  /** Whether people make accounts without an invitation. */
  readonly allowsSignUp: boolean
  /** The sign-in at an OpenID provider; null where there is none. */
  readonly oidc: Oidc | null
}

/** Opens the sign-in of people. better-auth is loaded here, and by no server that does not need it. */
export async function openPeople(settings: PeopleSettings): Promise<People> {
  const isSecure = settings.publicUrl.startsWith('https:')
  const [{ createFlows }, { createEngine }] = await Promise.all([import('./flows.ts'), import('./engine.ts')])
  const engine = createEngine({ secret: settings.secrets[0], publicUrl: settings.publicUrl, isSecure })
  const parts = { ...settings, isSecure, engine }
  const oidc = settings.oidc === null ? null : (await import('./oidc/oidc.ts')).createOidc(settings.oidc, parts)
  const { secrets, allowsSignUp } = settings
  return { sessions: createPersonSessions(secrets, isSecure), flows: createFlows(parts), allowsSignUp, oidc }
}
