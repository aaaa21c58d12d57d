import { setTimeout as sleep } from 'node:timers/promises'
import { importJWK } from 'jose'
import type { CryptoKey } from 'jose'
import { publicKeyOf, readRunKeys, signingKey, verifyingKeys } from './runKeySet.ts'
import type { PublicKey, RunKey } from './runKeySet.ts'

/** How often a token that names an unknown key makes this process look for new keys, in milliseconds. */
const LOOK_AGAIN_MS = 1000

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
  /** The same, but at most once in a second, for what a client can cause: a caller may wait so long for the next look. */
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

/**
 * Opens the keys of run tokens.
 * @param read gives the private JSON Web Key Set as it is now; null where there is none
 * @param onProblem hears of the first of several failures to read it again; the keys stay as they were
 * @throws Error when the set cannot be read or is not one
 */
export async function openRunKeys(read: () => string | null, onProblem: (error: unknown) => void): Promise<RunKeys> {
  let text: string | null = null
  let keys: readonly LoadedRunKey[] = []
  let isFailing = false
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | null = null

  const reload = async (): Promise<void> => {
    const found = read()
    if (found === text) return
    if (found === null) throw new Error('the keys of run tokens are gone')
    keys = await Promise.all(readRunKeys(found).map(load))
    text = found
  }
  await reload()

  const look = async (): Promise<void> => {
    lookedAt = performance.now()
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

  let next: Promise<void> | null = null
  const lookInTime = async (): Promise<void> => {
    await sleep(Math.max(0, lookedAt + LOOK_AGAIN_MS - performance.now()))
    // The look begins now: a caller behind it may name a key that came later.
    next = null
    // One that is under way may have read the file before the key was there.
    await looking
    await refresh()
  }

  return {
    signing: (now) => signingKey(keys, now),
    find: (kid, now) => verifyingKeys(keys, now).find((key) => key.kid === kid) ?? null,
    publicKeys: (now) => verifyingKeys(keys, now).map(publicKeyOf),
    refresh,
    // A caller that did not wait would be refused with a valid token, if another had made this process look just before the rotation.
    lookAgain: () => (next ??= lookInTime()),
  }
}
