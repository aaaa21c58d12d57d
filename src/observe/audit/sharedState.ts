import type { Peers } from '../../platform/kernel/peers.ts'
import type { RecordState } from './heads.ts'

const DOUBT = 'doubt about the record'
const ACCEPTED = 'record accepted'

/**
 * Shares the knowledge about the record between the workers of a server. One of them records the heads; each of them may be asked for the health, and may be
 * the one that accepts the record.
 */
export function shareRecordState(state: RecordState, peers: Peers): void {
  let { doubt, acceptances } = state
  Object.defineProperties(state, {
    doubt: {
      get: () => doubt,
      set(next: RecordState['doubt']) {
        if (next === doubt) return
        doubt = next
        peers.notify(DOUBT, next)
      },
    },
    acceptances: {
      get: () => acceptances,
      set(next: number) {
        acceptances = next
        peers.notify(ACCEPTED, null)
      },
    },
  })
  peers.onNotice(DOUBT, (value) => void (doubt = value as RecordState['doubt']))
  peers.onNotice(ACCEPTED, () => void (acceptances += 1))
}
