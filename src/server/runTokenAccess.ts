import path from 'node:path'
import { openRunKeys } from '../auth/runKeys.ts'
import type { RunKeys } from '../auth/runKeys.ts'
import { createRunKey, writeRunKeys } from '../auth/runKeySet.ts'
import { createRunTokens } from '../auth/runTokens.ts'
import type { RunTokens } from '../auth/runTokens.ts'
import { keptSecretVersion, loadOrCreateSecretFile, readKeptSecret, RUN_KEYS_FILE } from '../platform/home/secret.ts'
import type { Log } from '../platform/kernel/log.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import type { Config } from './config.ts'

/**
 * The keys of the configuration, or those in the home, which EdDSA makes at its first start. HS256 reads them too: tokens that they signed
 * before a change of the algorithm are valid while they live.
 */
async function keysOf({ home, jwtAlgorithm, jwtKeys }: Config, log: Log): Promise<RunKeys> {
  const onProblem = (error: unknown): void =>
    log.error({ err: error }, 'the keys of run tokens cannot be read again: those of before are used')
  if (jwtKeys !== null) return await openRunKeys({ read: () => jwtKeys, version: () => 'configured' }, onProblem)
  if (jwtAlgorithm === 'EdDSA') loadOrCreateSecretFile(home, RUN_KEYS_FILE, () => writeRunKeys([createRunKey(0)]))
  const read = (): string | null => readKeptSecret(home, RUN_KEYS_FILE)
  read()
  try {
    return await openRunKeys({ read, version: () => keptSecretVersion(home, RUN_KEYS_FILE) }, onProblem)
  } catch (error) {
    throw startProblem(`${path.join(home, RUN_KEYS_FILE)} cannot be used: ${(error as Error).message}`, error)
  }
}

/**
 * Opens the signer of run tokens, with the keys of the configuration or of the home.
 * @throws Error when the home holds damaged keys
 */
export async function openRunTokens(config: Config, secret: string, log: Log): Promise<RunTokens> {
  return await createRunTokens({
    secret,
    previousSecret: config.jwtPreviousSecret,
    algorithm: config.jwtAlgorithm,
    runKeys: await keysOf(config, log),
    ttlSeconds: config.jwtTtlSeconds,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
  })
}
