import { openPeople } from '../../org/people/index.ts'
import type { People, PeopleSettings } from '../../org/people/index.ts'
import type { AppDeps } from '../../server/app.ts'
import { useCheapHashes } from './cheapHashes.ts'
import { TEST_AUTH_SECRET } from './sessions.ts'

export interface PeopleOptions {
  /** How people sign in, where it differs from the usual way; they do not unless said. */
  readonly people?: Partial<PeopleSettings>
  readonly trustedProxies?: readonly string[]
}

async function openTestPeople(settings: Partial<PeopleSettings>): Promise<People> {
  useCheapHashes()
  return await openPeople({ secrets: [TEST_AUTH_SECRET], publicUrl: 'http://localhost', allowsSignUp: true, oidc: null, ...settings })
}

/** The parts of a test server that people need. */
export async function testPeople({
  people,
  trustedProxies = [],
}: PeopleOptions): Promise<Pick<AppDeps, 'people' | 'trustedProxies' | 'deployment' | 'publicOrigin' | 'allowedHostnames'>> {
  const publicUrl = people?.publicUrl === undefined ? null : new URL(people.publicUrl)
  return {
    publicOrigin: publicUrl?.origin ?? null,
    allowedHostnames: publicUrl === null ? [] : [publicUrl.hostname],
    people: people === undefined ? null : await openTestPeople(people),
    trustedProxies,
    deployment: { deploymentMode: people === undefined ? 'local_trusted' : 'authenticated', deploymentExposure: 'private' },
  }
}
