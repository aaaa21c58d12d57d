import type { Request, Response } from 'express'
import type { EndedActor } from '../auth/identify.ts'
import type { Actor } from '../platform/kernel/actor.ts'
import type { ReadDb, Store } from '../platform/db/types.ts'
import type { Cover } from '../platform/kernel/cover.ts'
import type { RequestQuotas } from '../auth/requestQuotas.ts'
import type { Quotas } from '../platform/kernel/quotas.ts'
import type { Reached } from './client.ts'
import type { Projection } from './projection.ts'
import type { Route } from './route.ts'
import type { Reader } from './answersInFlight.ts'
import type { Traffic } from './traffic.ts'
import type { GuessLimit } from '../auth/guessLimit.ts'
import type { IssueCompanies } from '../auth/issueCompanies.ts'

/** The parts of the server that the mounted routes need. */
export interface MountDeps extends Reached {
  readonly store: Store
  /** Finds out who makes the request; throws a Refusal for a credential that cannot be used. */
  readonly identify: (request: Request) => Promise<Actor>
  /** Finds the agent of a run token whose run has ended; null for every other credential. */
  readonly identifyEnded: (request: Request) => Promise<EndedActor | null>
  /** Called before every request that names a run is handled: renews the lease of the run when that is due. */
  readonly renewLeaseIfDue: (actor: Actor) => Promise<void>
  readonly quotas: Quotas
  /** Slows those who guess the secrets of `signed` routes. */
  readonly guesses: GuessLimit
  /** The quotas that are counted in this process. */
  readonly requestQuotas: RequestQuotas
  /** Encrypts the answers that are stored for Idempotency-Keys. */
  readonly encryptionKey: Buffer
  /** Still opens the answers that were stored under the secret before. */
  readonly previousEncryptionKey: Buffer | null
  /** For development and tests: checks every answer and every refusal against the declaration of its route. */
  readonly validateResponses: boolean
  readonly traffic: Traffic
  /** The cover of the secrets that a run of an agent was given: what the run writes must not have them. Null when it was given none. */
  readonly coverOfRun: (
    db: Pick<ReadDb, 'run'>,
    run: { readonly companyId: string; readonly agentId: string; readonly runId: string },
  ) => Promise<Cover | null>
  readonly issueCompanies: IssueCompanies
}

/** Facts about a request for the request log. The steps of the request fill it in. */
export interface RequestTrace {
  readonly requestId: string
  /** The id of the caller's trace, if the caller sent one. */
  traceId?: string
  actor?: Actor
  route?: Route
  /** The answer lasts until its client leaves, so its duration says nothing. */
  isLive?: boolean
  /** Counts and logs the request when its answer is complete. */
  readonly onFinished: () => void
}

/** One request with its response and the route that handles it. Passed through all steps of a request. */
export interface Exchange {
  readonly deps: MountDeps
  readonly route: Route
  readonly request: Request
  readonly response: Response
  readonly trace: RequestTrace
}

/** An exchange whose caller is known and whose query has been read. */
export interface IdentifiedExchange extends Exchange {
  readonly actor: Actor
  readonly reader: Reader
  /** The query without the parameters of the projection; every name in it is declared by the route. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly projection: Projection
}

/** The database for the caller of a request: agents together leave a quarter of its connections to others. */
export const storeFor = ({ deps, actor }: Pick<IdentifiedExchange, 'deps' | 'actor'>): Store =>
  actor.kind === 'agent' ? deps.store.ofAgents : deps.store
