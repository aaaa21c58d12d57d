import type { Log } from '../../platform/kernel/log.ts'
import { settlesWithin } from '../../platform/kernel/timeout.ts'
import { createWorker } from '../../platform/kernel/worker.ts'
import { isAfter } from '../events/index.ts'
import type { Feed } from '../events/index.ts'
import type { AttemptDeps } from './attempt.ts'
import { claimEndpoints, MAX_CLAIMED, releaseLeases, RENEW_INTERVAL_MS, renewLeases } from './lease.ts'
import type { Claim, Progress } from './lease.ts'
import { serve } from './serve.ts'
import type { Held } from './serve.ts'
import { createSlots } from './slots.ts'

/** How often a server looks for endpoints that no server serves: new ones, those whose next attempt is due, and those of servers that died. */
const LOOK_INTERVAL_MS = 1000
/** The same while each look finds as many as it may take: after a start, other servers get their share. */
const FULL_LOOK_INTERVAL_MS = 100
/** Requests in progress may end by themselves for so long when the server stops. The shutdown as a whole has ten seconds. */
const STOP_MS = 2000

export interface DeliveryDeps extends AttemptDeps {
  readonly feed: Feed
  readonly log: Log
}

export interface DeliveryOptions {
  /** Null where the caller looks, and notifies the delivery of what it has found. */
  readonly lookIntervalMs?: number | null
  readonly renewIntervalMs?: number
}

/** The task of a server that delivers events to webhooks. One per process. */
export interface WebhookDelivery {
  /** Looks for endpoints at once. */
  notify(): void
  /** The endpoints that this server serves. */
  readonly servedIds: () => readonly string[]
  /** Sends nothing more, lets requests in progress end within two seconds, and gives the endpoints back. Idempotent. */
  stop(): Promise<void>
}

interface Service {
  readonly held: Held
  readonly end: () => void
  readonly cancel: () => void
  readonly ended: Promise<void>
}

/** How far an endpoint has come: where the feed has read for it, while it waits there. */
function progressOf({ id, epoch, position, caughtUpTo }: Held): Progress {
  const feedPosition = caughtUpTo?.()
  return { id, epoch, position: feedPosition !== undefined && isAfter(feedPosition, position) ? feedPosition : position }
}

/** The endpoints that this server serves. */
interface Services {
  begin(claim: Claim): void
  readonly ids: () => readonly string[]
  /** Renews every lease, and ends the service of what another party has taken away. */
  renew(): Promise<void>
  stop(): Promise<void>
}

function createServices(deps: DeliveryDeps): Services {
  const { store } = deps
  const services = new Map<string, Service>()
  const serveDeps = { ...deps, slots: createSlots() }
  const progress = (): Progress[] => [...services.values()].map(({ held }) => progressOf(held))
  return {
    begin(claim) {
      // This server served it before the board changed it, and has not noticed yet.
      services.get(claim.id)?.end()
      const [ending, cancelling] = [new AbortController(), new AbortController()]
      const signals = { signal: ending.signal, cancelSignal: cancelling.signal }
      const held: Held = { ...claim, ...signals, isSlow: claim.failures > 0, scanRows: undefined, untrimmed: 0, caughtUpTo: null }
      const ended = serve(serveDeps, held).finally(() => {
        if (services.get(claim.id)?.held === held) services.delete(claim.id)
      })
      services.set(claim.id, { held, ended, end: () => ending.abort(), cancel: () => cancelling.abort() })
    },
    ids: () => [...services.keys()],
    async renew() {
      const all = [...services.values()]
      const mayGoOn = await renewLeases(store, progress())
      for (const { held, end } of all) if (!mayGoOn.has(held.id)) end()
    },
    async stop() {
      const all = [...services.values()]
      for (const { end } of all) end()
      const ended = Promise.all(all.map((service) => service.ended))
      if (!(await settlesWithin(ended, STOP_MS))) for (const { cancel } of all) cancel()
      await ended
      const done = all.map(({ held }) => progressOf(held))
      await releaseLeases(store, done).catch(() => {})
    },
  }
}

/** Starts the delivery. Any number of servers may do so: each endpoint is served by one at a time (see `lease.ts`). */
export function startWebhookDelivery(deps: DeliveryDeps, options: DeliveryOptions = {}): WebhookDelivery {
  const { store, log } = deps
  const { lookIntervalMs = LOOK_INTERVAL_MS, renewIntervalMs = RENEW_INTERVAL_MS } = options
  const services = createServices(deps)
  let renewedAt = performance.now()
  let stopping: Promise<void> | undefined

  const worker = createWorker({
    minDelayMs: 0,
    maxDelayMs: lookIntervalMs ?? LOOK_INTERVAL_MS,
    async work({ signal }) {
      if (performance.now() - renewedAt >= renewIntervalMs) {
        await services.renew()
        renewedAt = performance.now()
      }
      const claims = await claimEndpoints(store)
      if (signal.aborted) await releaseLeases(store, claims)
      else for (const claim of claims) services.begin(claim)
      if (claims.length >= MAX_CLAIMED) return FULL_LOOK_INTERVAL_MS
      if (lookIntervalMs !== null) return lookIntervalMs
      return services.ids().length === 0 ? undefined : Math.max(0, renewedAt + renewIntervalMs - performance.now())
    },
    onError(error, failures) {
      if (failures === 1 && stopping === undefined) log.warn({ err: error }, 'webhooks paused: database unreachable, retrying')
    },
  })
  worker.notify()
  // A hint that spares the board the wait for the next look.
  const removeCommitListener = store.onCommit((rows) => {
    if (rows.some(({ entityType }) => entityType === 'webhook')) worker.notify()
  })

  const stop = async (): Promise<void> => {
    removeCommitListener()
    await worker.stop()
    await services.stop()
  }
  return { notify: () => worker.notify(), servedIds: services.ids, stop: () => (stopping ??= stop()) }
}
