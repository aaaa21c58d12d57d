import type { Store } from '../../platform/db/types.ts'
import { forgetSignIns } from './forget.ts'
import type { People } from './people.ts'

/**
 * Forgets what decides nothing any more, and encrypts again what an older secret of the server encrypted.
 * @param people how people sign in; null on a server where they do not
 */
export async function tidySignIns(store: Store, people: People | null): Promise<void> {
  await forgetSignIns(store)
  await people?.flows.secondFactor.reseal(store)
}
