import type { AuditFields, Finding, Ref, Within } from './asserts.ts'
import { assertsOf } from './owners.ts'

/** The answer of a matcher, as `expect.extend` of vitest and of jest takes it. */
export interface MatcherResult {
  readonly pass: boolean
  readonly message: () => string
}

const resultOf = ({ pass, message }: Finding): MatcherResult => ({ pass, message: () => message })

/**
 * Matchers for a runner whose `expect` can be extended. They look at the server from which the object came, so each is awaited:
 * `await expect(issue).toBeHeldBy(run)`.
 */
export const matchers = {
  /** A live run holds this issue: the run itself, or one of the agent. `null`: none does. */
  toBeHeldBy: async (issue: unknown, holder: Ref | null, options?: Within): Promise<MatcherResult> =>
    resultOf(await assertsOf(issue).findHeldBy(issue as Ref, holder, options)),
  /** An audit row of this thing has the action and the fields. */
  toHaveAudit: async (thing: unknown, action: string, fields?: AuditFields & Within): Promise<MatcherResult> =>
    resultOf(await assertsOf(thing).findAudit(thing as Ref, action, fields)),
}
