import { createPersonSessions } from '../../auth/personSessions.ts'
import type { PersonSessions } from '../../auth/personSessions.ts'
import type { Flows } from './flows.ts'
import type { PeopleSettings } from './peopleSettings.ts'

/** How people sign in to this server. */
export interface People {
  readonly sessions: PersonSessions
  readonly flows: Flows
}

/** Opens the sign-in of people. better-auth is loaded here, and by no server that does not need it. */
export async function openPeople(settings: PeopleSettings): Promise<People> {
  const isSecure = settings.publicUrl.startsWith('https:')
  const { createFlows } = await import('./flows.ts')
  return { sessions: createPersonSessions(settings.secrets, isSecure), flows: createFlows({ ...settings, isSecure }) }
}
