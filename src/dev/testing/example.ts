import type { ApiUnderTest, FixtureRows } from './contractFixtures.ts'

/** The request that a route is for, where its schema does not say it. */
export interface Example {
  /** The body to send; without it, the required fields of the schema with plain values. */
  readonly body?: (rows: FixtureRows) => unknown
  /** The query that makes the row in the path visible. */
  readonly query?: string
  /** SQL that brings the subject's row into the state the route is for; `$1` is the id named by `of`. */
  readonly arrange?: { readonly sql: string; readonly of: string }
  /** Headers that are the proof of the request, made for its body. */
  readonly prove?: (api: ApiUnderTest, rows: FixtureRows, body: unknown) => Promise<Readonly<Record<string, string>>>
  /** A cookie that is the proof of the request, beside the credential of its caller. */
  readonly cookie?: (rows: FixtureRows) => string
}
