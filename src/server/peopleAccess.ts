import { openPeople } from '../org/people/index.ts'
import type { People } from '../org/people/index.ts'
import { loadOrCreateAuthSecret } from '../platform/home/secret.ts'
import type { Config } from './config.ts'

/**
 * The sign-in of people; null where they do not sign in, and then nothing of it is loaded.
 * @throws Error when the home holds a damaged secret
 */
export const peopleOf = async ({ home, port, deployment }: Config): Promise<People | null> =>
  deployment.mode === 'local_trusted'
    ? null
    : await openPeople({
        secrets: deployment.secrets ?? [loadOrCreateAuthSecret(home)],
        publicUrl: deployment.publicUrl ?? `http://localhost:${port}`,
        allowsSignUp: deployment.allowsSignUp,
        oidc: deployment.oidc,
      })
