import type { ChaosClient } from './client.ts'
import type { Generator } from './generator.ts'
import type { Findings } from './properties.ts'
import type { Setup } from './setup.ts'

/** The values that all workers of the load share. */
export interface LoadContext {
  readonly send: ChaosClient['send']
  readonly setup: Setup
  readonly generator: Generator
  readonly findings: Findings
  /** Aborted when the load stops. */
  readonly signal: AbortSignal
  /** Waits; returns early when the load stops. */
  readonly think: (ms: number) => Promise<unknown>
}
