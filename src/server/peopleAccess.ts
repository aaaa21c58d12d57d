import { openPeople } from '../org/people/index.ts'
import type { People } from '../org/people/index.ts'
import { loadOrCreateAuthSecret } from '../platform/home/secret.ts'
import type { Config } from './config.ts'

/**
 * The secrets that sign sessions, the present one first; null where people do not sign in.
 * @throws Error when the home holds a damaged secret
 */
export const sessionSecretsOf = ({ home, deployment }: Config): readonly [string, ...string[]] | null =>
  deployment.mode === 'local_trusted' ? null : (deployment.secrets ?? [loadOrCreateAuthSecret(home)])

/** The sign-in of people; null where they do not sign in, and then nothing of it is loaded. */
export const peopleOf = async ({ port, deployment }: Config, secrets: readonly [string, ...string[]] | null): Promise<People | null> =>
  secrets === null
    ? null
    : await openPeople({
        secrets,
        publicUrl: deployment.publicUrl ?? `http://localhost:${port}`,
        allowsSignUp: deployment.allowsSignUp,
        oidc: deployment.oidc,
      })
