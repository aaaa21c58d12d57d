// Adds the matchers of the kit to the `expect` of vitest: `import 'paperclip-server/testing/vitest'` in a test, or as a set-up file.

import { expect } from 'vitest'
import type { AuditFields, Ref, Within } from './asserts.ts'
import { matchers } from './matchers.ts'

declare module 'vitest' {
  // oxlint-disable-next-line typescript/no-explicit-any, typescript/no-unused-vars
  interface Matchers<T = any> {
    /** A live run holds this issue: the run itself, or one of the agent. `null`: none does. */
    toBeHeldBy(holder: Ref | null, options?: Within): Promise<void>
    /** An audit row of this thing has the action and the fields. */
    toHaveAudit(action: string, fields?: AuditFields & Within): Promise<void>
  }
}

expect.extend(matchers)
