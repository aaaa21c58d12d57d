// The messages between the process that starts the workers and the workers, over the channel of node:cluster.

import type { ConnectionOptions } from '../../platform/db/driver/client.ts'
import type { PoolSizes } from '../../platform/db/connectionRoom.ts'
import type { Config } from '../config.ts'
import type { RunningServer } from '../server.ts'

/** Everything that a worker needs to serve. */
export interface Assignment {
  readonly config: Config
  readonly connection: ConnectionOptions
  readonly pools: PoolSizes
  readonly isTerminal: boolean
  /** Whether the log is on that terminal. */
  readonly isShown: boolean
  /** The version of the program that starts workers: one of another version could not work with it. */
  readonly version: string
  /** The number of the worker. */
  readonly number: number
  /** Notices that were sent before this worker was started. */
  readonly notices: readonly Notice[]
}

export interface Notice {
  readonly topic: string
  readonly value: unknown
}

/** The facts of a server that listens, without its functions. */
export interface ReadyFacts extends Pick<RunningServer, 'url' | 'claimPath'> {
  readonly board: { readonly sentence: string; readonly needsSignIn: boolean }
  /** A path that signs a browser in, where the board needs that; null otherwise. */
  readonly signInPath: string | null
}

/** Messages to a worker. */
export type ToWorker =
  | { readonly kind: 'begin'; readonly assignment: Assignment }
  | { readonly kind: 'question'; readonly id: number; readonly topic: string }
  | { readonly kind: 'answers'; readonly id: number; readonly answers: readonly unknown[]; readonly isComplete: boolean }
  | { readonly kind: 'notice'; readonly notice: Notice }
  | { readonly kind: 'taken'; readonly id: number; readonly untilMs: number | undefined }

/** Messages of a worker. */
export type FromWorker =
  // It takes messages from now on: Node drops those that come before.
  | { readonly kind: 'hello' }
  | { readonly kind: 'ready'; readonly facts: ReadyFacts }
  | { readonly kind: 'ask'; readonly id: number; readonly topic: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'notify'; readonly notice: Notice; readonly isHint: boolean }
  | { readonly kind: 'keep'; readonly key: string; readonly untilMs: number }
  | { readonly kind: 'take'; readonly id: number; readonly key: string }
