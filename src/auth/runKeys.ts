import { importJWK } from 'jose'
import type { CryptoKey } from 'jose'
import { publicKeyOf, readRunKeys, signingKey, verifyingKeys } from './runKeySet.ts'
import type { PublicKey, RunKey } from './runKeySet.ts'

/** A key, imported once for all its uses. */
export interface LoadedRunKey extends RunKey {
  readonly publicKey: CryptoKey
  /** Null for a key that only verifies. */
  readonly privateKey: CryptoKey | null
}

/** The keys with which this server signs run tokens, or could verify them, as they are now. Times are in seconds since the epoch. */
export interface RunKeys {
  /** The key that signs; null where there is none. */
  readonly signing: (now: number) => LoadedRunKey | null
  /** The key of that id, if its tokens may still be valid. */
  readonly find: (kid: string, now: number) => LoadedRunKey | null
  /** The public halves of all keys whose tokens may be valid now or soon. */
  readonly publicKeys: (now: number) => PublicKey[]
  /** Reads the keys again where another process may have changed them. */
  readonly refresh: () => Promise<void>
  /** The same, but only when they differ from what was read last: for what a client can cause. */
  readonly lookAgain: () => Promise<void>
}

async function load(key: RunKey): Promise<LoadedRunKey> {
  const { x, d } = key
  const jwk = { kty: 'OKP', crv: 'Ed25519', x }
  return {
    ...key,
    publicKey: (await importJWK(jwk, 'EdDSA')) as CryptoKey,
    privateKey: d === null ? null : ((await importJWK({ ...jwk, d }, 'EdDSA')) as CryptoKey),
  }
}

/** The place of the private JSON Web Key Set. */
export interface RunKeySource {
  /** The set as it is now; null where there is none. */
  readonly read: () => string | null
  /** Differs when the set does. It costs less than to read the set. */
  readonly version: () => string
}

/**
 * Opens the keys of run tokens.
 * @param onProblem hears of the first of several failures to read it again; the keys stay as they were
 * @throws Error when the set cannot be read or is not one
 */
export async function openRunKeys({ read, version }: RunKeySource, onProblem: (error: unknown) => void): Promise<RunKeys> {
  let text: string | null = null
  let keys: readonly LoadedRunKey[] = []
  let isFailing = false
  let seen: string | null = null
  let looking: Promise<void> | null = null

  const reload = async (): Promise<void> => {
    // Before it is read: a change in between is seen by the next look.
    seen = version()
    const found = read()
    if (found === text) return
    if (found === null) throw new Error('the keys of run tokens are gone')
    keys = await Promise.all(readRunKeys(found).map(load))
    text = found
  }
  await reload()

  const look = async (): Promise<void> => {
    try {
      await reload()
      isFailing = false
    } catch (error) {
      if (!isFailing) onProblem(error)
      isFailing = true
    } finally {
      looking = null
    }
  }
  const refresh = (): Promise<void> => (looking ??= look())
  const differs = (): boolean => {
    try {
      return version() !== seen
    } catch {
      // The look reports why.
      return true
    }
  }

  return {
    signing: (now) => signingKey(keys, now),
    find: (kid, now) => verifyingKeys(keys, now).find((key) => key.kid === kid) ?? null,
    publicKeys: (now) => verifyingKeys(keys, now).map(publicKeyOf),
    refresh,
    async lookAgain() {
      // A look that is under way may have read the keys before they changed.
      await looking
      await (differs() ? refresh() : looking)
    },
  }
}
